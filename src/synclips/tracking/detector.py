"""Where the faces are in a frame: detectors find each face's mesh, and follow it through successive frames."""

from typing import Final, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float32, UInt8

from synclips.features.face_mesh import template_error
from synclips.tracking.face_models import BoxNetwork, FaceBox, MeshNetwork, Region, mesh_region
from synclips.tracking.face_search import FINE, FINEST, around, find_in_tiles, merge, tiles, whole

DETECTOR_VERSION: Final = "face-mesh 2"
"""Of what FaceMeshDetector finds: raise it when its points change, so that kept ones are not taken for it."""
SAME: Final = 0.5
"""IoU of two regions from which they are of one face."""
BESIDE_ONE: Final = 5
"""Frames between two searches of the whole picture while a face is followed and none is lost: another one is found
that much later at most. It divides `SEARCH`."""
SEARCH: Final = 50
"""Frames between two searches for small faces while one is followed."""
SEARCH_WITHOUT: Final = 5
"""The same, while none is."""
BESIDE: Final = 80.0
"""Pixels from which a small face counts where there is another."""
SURE_IN_TILE: Final = 0.6
"""Least score in a tile: many tiles give many chances of a false alarm."""
REMEMBERED: Final = 25
"""Frames for which a lost face is looked for where it was."""


@runtime_checkable
class LandmarkDetector(Protocol):
    """Finds one face's 468 mesh points in successive frames."""

    def detect(self, image: UInt8[np.ndarray, "h w 3"]) -> Float32[np.ndarray, "468 3"] | None:
        """Points in pixels of the largest face, or None."""

    def close(self) -> None:
        """Free what the detector holds."""


@runtime_checkable
class FaceDetector(LandmarkDetector, Protocol):
    """Finds every face of successive frames."""

    def detect_all(self, image: UInt8[np.ndarray, "h w 3"]) -> Float32[np.ndarray, "k 468 3"]:
        """Points in pixels of each face, the largest first."""

    def forget(self) -> None:
        """A new shot begins: the next frame has nothing to do with the last."""


class FaceMeshDetector:
    """Follows up to `faces` faces by MediaPipe's two networks (synclips.tracking.face_models).

    A face that was in the last frame is looked for where its mesh was; it is lost when the mesh network no longer
    believes in it (`confidence`). While fewer than `faces` are followed, the picture is searched as a whole and where
    faces were lost: every frame while none is followed or one was lost of late or just now, else every `BESIDE_ONE`th.
    Tiles for small faces (synclips.tracking.face_search) are searched in the first frame of a shot, then every
    `SEARCH`th frame, or every `SEARCH_WITHOUT`th while there is no face.

    Two detectors share nothing, and after `forget` a detector is as new. `threads`: for one network's arithmetic;
    more than one gain nothing (EXPERIMENTS.md).
    """

    def __init__(self, *, confidence: float = 0.5, faces: int = 2, threads: int = 1) -> None:
        self._boxes, self._meshes = BoxNetwork(threads=threads), MeshNetwork(threads=threads)
        self._confidence, self._faces = confidence, faces
        self.forget()

    def forget(self) -> None:
        """Look at the next frame as at a first one."""
        self._frame = 0
        self._followed: list[Region] = []
        self._lost: list[tuple[Region, int]] = []

    def detect(self, image: UInt8[np.ndarray, "h w 3"]) -> Float32[np.ndarray, "468 3"] | None:
        """Points in pixels of the largest face, or None."""
        faces = self.detect_all(image)
        return faces[0] if len(faces) else None

    def detect_all(self, image: UInt8[np.ndarray, "h w 3"]) -> Float32[np.ndarray, "k 468 3"]:
        """Points in pixels of each face, the largest first; two meshes on one face count once."""
        searched = self._searching()
        new = self._settle(image, self._find(image)) if searched else []
        meshes, presence = self._meshes.fit(image, self._followed + new)
        present = presence >= self._confidence
        if not searched and not present.all():  # it may have moved too fast to be followed
            others = self._meshes.fit(image, self._settle(image, self._find(image)))
            meshes, presence = np.concatenate([meshes, others[0]]), np.concatenate([presence, others[1]])
            present = presence >= self._confidence
        faces = without_doubles(meshes[present])
        gone = [region for region, seen in zip(self._followed, present, strict=False) if not seen]
        self._followed = [mesh_region(face) for face in faces]
        self._lost = [
            (region, age + 1)
            for region, age in [*self._lost, *((region, 0) for region in gone)]
            if age < REMEMBERED and not _overlapped(region, self._followed)
        ]
        self._frame += 1
        return faces

    def close(self) -> None:
        """Free the networks."""
        del self._boxes, self._meshes

    def _searching(self) -> bool:
        """Whether this frame may show a face that is not followed yet."""
        if len(self._followed) >= self._faces:
            return False
        return not self._followed or bool(self._lost) or self._frame % BESIDE_ONE == 0

    def _find(self, image: UInt8[np.ndarray, "h w 3"]) -> list[Region]:
        """Regions of faces that are not followed yet."""
        alone = not self._followed
        places = [whole(image), *(around(region) for region, _ in self._lost)]
        found = [face for faces in self._boxes.find(image, places, confidence=self._confidence) for face in faces]
        if self._frame % (SEARCH_WITHOUT if alone else SEARCH) == 0:
            small = self._find_small(image, FINE)
            found += [face for face in small if face.side >= BESIDE or (alone and not found)]
        if alone and not found and self._frame % SEARCH == 0:
            found = self._find_small(image, FINEST)
        regions = [face.region for face in merge(found)]
        return [region for region in regions if not _overlapped(region, self._followed)][
            : self._faces - len(self._followed)
        ]

    def _find_small(self, image: UInt8[np.ndarray, "h w 3"], finest: int) -> list[FaceBox]:
        height, width = image.shape[:2]
        regions = tiles(width, height, finest)
        return find_in_tiles(self._boxes, image, regions, confidence=max(self._confidence, SURE_IN_TILE))

    def _settle(self, image: UInt8[np.ndarray, "h w 3"], regions: list[Region]) -> list[Region]:
        """Regions laid around a first mesh: a mesh laid into a detector's rough box is off by some of a percent."""
        meshes, presence = self._meshes.fit(image, regions)
        return [mesh_region(mesh) for mesh, value in zip(meshes, presence, strict=True) if value >= self._confidence]


def _overlapped(region: Region, others: list[Region]) -> bool:
    return any(region.overlap(other) > SAME for other in others)


def without_doubles(faces: Float32[np.ndarray, "k 468 3"]) -> Float32[np.ndarray, "m 468 3"]:
    """The faces, the largest first; of those whose boxes lie mostly on each other (IoU above a half), the truest.

    A face that moves fast is found anew beside the mesh that follows it, and the new mesh, laid into a rough box, may
    be off by a tenth of the face.
    """
    low, high = faces[:, :, :2].min(axis=1), faces[:, :, :2].max(axis=1)
    area = np.prod(high - low, axis=1)
    kept: list[int] = []
    for i in np.argsort(template_error(faces), kind="stable"):
        shared = [np.prod(np.maximum(np.minimum(high[i], high[j]) - np.maximum(low[i], low[j]), 0)) for j in kept]
        if all(s <= 0.5 * (area[i] + area[j] - s) for s, j in zip(shared, kept, strict=True)):
            kept.append(int(i))
    return faces[sorted(kept, key=lambda i: -area[i])]
