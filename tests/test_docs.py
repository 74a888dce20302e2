"""Documentation that cannot lie: every command has help and is documented, and every command line shown parses."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest

from synclips.cli.main import VERBS, build_parser, main, with_hyphens

REPOSITORY = Path(__file__).parents[1]
README = REPOSITORY / "README.md"
MAKEFILE = REPOSITORY / "Makefile"
ENTRY_POINTS = {
    "get_data.py": ["download"],
    "preprocessing.py": ["preprocess"],
    "main.py": ["dub"],
    "scripts/train.py": ["recipe", "--from-shards"],
}
SHELL_FENCES = {"", "sh", "bash", "shell", "console", "text"}


def documents() -> list[Path]:
    """The Markdown files that a user reads."""
    return sorted(path for path in [*REPOSITORY.glob("*.md"), *REPOSITORY.glob("docs/**/*.md")] if path.is_file())


def command_lines(markdown: str) -> Iterator[list[str]]:
    """The words of each command line in fenced code blocks; continued lines are joined, prompts and comments cut."""
    for info, block in re.findall(r"^ *(?:```|~~~)([^\n]*)\n(.*?)^ *(?:```|~~~)", markdown, re.MULTILINE | re.DOTALL):
        if info.strip().split(" ")[0] not in SHELL_FENCES:
            continue
        for line in block.replace("\\\n", " ").splitlines():
            text = re.sub(r"^\s*[$%>]\s+", "", line).strip()
            for part in re.split(r"\s(?:&&|\|\||\||;)\s", text):
                try:
                    words = shlex.split(part, comments=True)
                except ValueError:  # prose or output with an apostrophe, unless it is one of ours
                    words = part.split()
                if words:
                    yield words


def our_arguments(words: list[str]) -> list[str] | None:
    """What the line hands to the parser; None where it does not call this program."""
    while words and re.fullmatch(r"[A-Z_]+=.*", words[0]):
        words = words[1:]
    if not words:
        return None
    program, *rest = words
    program = program.removeprefix("./").removeprefix(".venv/bin/")
    if program == "synclips":
        return _without_redirection(rest)
    if re.fullmatch(r"python[0-9.]*", program) and rest:
        if rest[:2] == ["-m", "synclips"]:
            return _without_redirection(rest[2:])
        if rest[0] in ENTRY_POINTS:
            return [*ENTRY_POINTS[rest[0]], *_without_redirection(rest[1:])]
    return None


def _without_redirection(words: list[str]) -> list[str]:
    kept: list[str] = []
    for word in words:
        if word in (">", "<", ">>", "2>", "&"):
            break
        kept.append(word)
    return kept


def shown_commands() -> list[tuple[str, list[str]]]:
    """Every command line of ours in the documents and in the Makefile, with where it stands."""
    found = []
    for path in documents():
        for words in command_lines(path.read_text(encoding="utf-8")):
            argv = our_arguments(words)
            if argv is not None:
                found.append((path.name, argv))
    for line in MAKEFILE.read_text(encoding="utf-8").splitlines():
        if line.startswith("\t") and "$(BIN)/synclips" in line:
            found.append((MAKEFILE.name, shlex.split(line.replace("$(BIN)/synclips", ""))))
    return found


def parses(argv: list[str]) -> bool:
    """Whether the real parser takes the line (help and version count)."""
    try:
        build_parser().parse_args(with_hyphens(argv))
    except SystemExit as stop:
        return stop.code == 0
    return True


@pytest.mark.parametrize("name", [verb.name for verb in VERBS])
def test_every_verb_has_help_to_work_from(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([name, "--help"]) == 0
    shown = capsys.readouterr().out
    assert shown.startswith(f"usage: synclips {name} ")
    examples = next(verb for verb in VERBS if verb.name == name).examples
    assert len(examples) >= 2
    assert all(line in shown for line in examples)


@pytest.mark.parametrize("name", [verb.name for verb in VERBS])
def test_every_option_is_explained(name: str) -> None:
    [subparsers] = [action for action in build_parser()._actions if hasattr(action, "choices") and action.choices]
    assert isinstance(subparsers.choices, dict)
    for action in subparsers.choices[name]._actions:
        assert action.help, action.option_strings or action.dest


@pytest.mark.parametrize("line", [line for verb in VERBS for line in verb.examples])
def test_every_example_in_the_help_parses(line: str) -> None:
    words = shlex.split(line.split("synclips ")[-1] if "synclips " in line else line)
    assert parses(words)


@pytest.mark.parametrize(("where", "argv"), shown_commands())
def test_every_documented_command_parses(where: str, argv: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert parses(argv), f"{where}: synclips {shlex.join(argv)}: {capsys.readouterr().err}"


def test_every_shipped_recipe_that_is_named_exists() -> None:
    from synclips.config import load_recipe

    for where, argv in shown_commands():
        if "--config" in argv:
            name = argv[argv.index("--config") + 1]
            if not name.endswith(".toml") or name.startswith("configs/"):
                load_recipe(REPOSITORY / name if name.endswith(".toml") else name)
                assert where


@pytest.mark.skipif(not README.exists(), reason="there is no README.md yet")
@pytest.mark.parametrize("name", [verb.name for verb in VERBS])
def test_every_verb_is_in_the_readme(name: str) -> None:
    assert re.search(rf"\bsynclips {name}\b", README.read_text(encoding="utf-8"))


@pytest.mark.skipif(not README.exists(), reason="there is no README.md yet")
@pytest.mark.parametrize("script", ENTRY_POINTS)
def test_the_authors_commands_are_in_the_readme_and_exist(script: str) -> None:
    assert f"python {script}" in README.read_text(encoding="utf-8")
    assert (REPOSITORY / script).is_file()


@pytest.mark.skipif(not README.exists(), reason="there is no README.md yet")
def test_links_in_the_documents_lead_somewhere() -> None:
    for path in documents():
        for target in re.findall(r"\]\(([^)#\s]+)", path.read_text(encoding="utf-8")):
            if "://" not in target and not target.startswith("mailto:"):
                assert (path.parent / target).exists(), f"{path.name} links to {target}"


def tree_names(markdown: str) -> list[str]:
    """The paths that the file tree of "Where things are" names, from the repository's root."""
    block = markdown.split("## Where things are")[1].split("```")[1]
    found: list[str] = []
    parents: list[tuple[int, str]] = []
    for line in block.strip("\n").splitlines():
        name = line.split()[0]
        depth = len(line) - len(line.lstrip())
        parents = [(above, path) for above, path in parents if above < depth]
        path = "".join(part for _, part in parents[-1:]) + name
        found.append(path)
        parents.append((depth, path))
    return found


def test_the_file_tree_in_the_readme_is_the_real_one() -> None:
    """Every path that it names is there, and every package of the sources is in it."""
    named = tree_names(README.read_text(encoding="utf-8"))
    for path in named:
        assert (REPOSITORY / path).is_dir() if path.endswith("/") else (REPOSITORY / path).is_file(), path
    sources = REPOSITORY / "src" / "synclips"
    packages = {
        f"src/synclips/{path.parent.relative_to(sources).as_posix()}/" for path in sources.glob("*/__init__.py")
    }
    assert packages <= set(named)


def test_the_readme_begins_with_a_picture_and_a_command() -> None:
    """Within the first screen: what it is, what it makes, how to try it."""
    text = README.read_text(encoding="utf-8")
    before = text.split("```")[0]
    assert re.search(r"!\[[^\]]+\]\(docs/", before)
    assert len(before.splitlines()) < 20
    assert text.split("```")[1].strip().startswith("make demo")


@pytest.mark.parametrize(
    ("block", "commands"),
    [
        ('```bash\nsynclips dub a.mp4 \\\n    --text "Hello." --output b.mp4  # dub\n```', 1),
        ("```\n$ make demo\npython main.py --video_path v --text t --output_dir d\n```", 1),
        ("```bash\necho Hello | .venv/bin/synclips dub a.mp4 --text - --output b.mp4 > log\n```", 1),
        ("```python\nsynclips dub\n```", 0),
        ("synclips dub", 0),
        ("  ```sh\n  synclips voices && synclips demo\n  ```", 2),
    ],
)
def test_commands_are_found_in_code_blocks_only(block: str, commands: int) -> None:
    found = [argv for words in command_lines(block) if (argv := our_arguments(words)) is not None]
    parsed = [argv for argv in found if parses(argv)]
    assert len(parsed) == commands
