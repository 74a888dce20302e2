// sync.'s own Node client against a server: node node_client.mjs FOLDER URL VIDEO AUDIO; prints what it got as JSON.
import fs from "node:fs";
import { createRequire } from "node:module";
import path from "node:path";

const [folder, baseUrl, video, audio] = process.argv.slice(2);
const { SyncClient } = createRequire(path.join(folder, "x.js"))("@sync.so/sdk");
const client = new SyncClient({ baseUrl, apiKey: "not needed here" });
const finished = async (id) => {
  for (let turn = 0; turn < 400; turn += 1) {
    const now = await client.generations.get(id);
    if (["COMPLETED", "FAILED", "REJECTED"].includes(now.status)) return now;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  throw new Error("not finished in time");
};
const files = await client.generations.createWithFiles(
  fs.createReadStream(video), undefined,
  { model: "lipsync-2", input: [{ type: "text", provider: { name: "elevenlabs", voiceId: "v", script: "Hello." } }], options: { sync_mode: "loop" } },
);
const both = await client.generations.createWithFiles(fs.createReadStream(video), fs.createReadStream(audio), { model: "lipsync-2" });
const options = (await client.generations.get(files.id)).options;
const first = await finished(files.id);
await finished(both.id);
const assets = await client.assets.list({ types: ["VIDEO"] });
const asset = assets.items[0];
const made = await client.generations.create({
  model: "lipsync-2", options: { sync_mode: "bounce" },
  input: [{ type: "video", assetId: asset.id }, { type: "text", provider: { name: "elevenlabs", voiceId: "v", script: "Hello." } }],
});
const second = await finished(made.id);
const models = await client.models.list();
const cost = await client.generations.estimateCost({
  model: "lipsync-2", input: [{ type: "video", assetId: asset.id }, { type: "text", provider: { name: "elevenlabs", voiceId: "v", script: "Hello." } }],
});
const listed = await client.generations.list({ ids: [made.id] });
let refused = null;
try { await client.generations.get("nothing"); } catch (error) { refused = error.statusCode; }
const downloaded = await (await fetch(first.outputUrl)).arrayBuffer();
console.log(JSON.stringify({
  statuses: [first.status, second.status], bytes: downloaded.byteLength, models: models.map((one) => one.name),
  mode: options.sync_mode, frames: cost[0].estimatedFrameCount, listed: listed.map((one) => one.id), id: made.id, refused,
}));
