// Requests to the server. A request that finds no server is told to `online`, and may be sent again.

export class ApiError extends Error {
  constructor(body, status) {
    super(body.message || `The server answered with status ${status}.`);
    Object.assign(this, { status, code: body.errorCode, suggestion: body.suggestion, field: body.field });
  }
}

export class Offline extends Error {}

let watch = () => {};
export const onConnection = (callback) => { watch = callback; };

export const key = {
  get: () => localStorage.getItem("synclips.key") || "",
  set: (value) => localStorage.setItem("synclips.key", value),
};

const headers = () => (key.get() ? { "x-api-key": key.get() } : {});

export async function call(method, path, body) {
  let answer;
  try {
    answer = await fetch(path, {
      method,
      headers: body === undefined ? headers() : { ...headers(), "content-type": "application/json" },
      body: body === undefined ? undefined : JSON.stringify(body),
    });
  } catch (error) {
    watch(false);
    throw new Offline("The server does not answer.");
  }
  watch(true);
  if (answer.status === 204) return null;
  const told = await answer.json().catch(() => ({}));
  if (!answer.ok) throw new ApiError(told, answer.status);
  return told;
}

export const get = (path) => call("GET", path);
export const post = (path, body) => call("POST", path, body === undefined ? {} : body);

// Links of the server are complete; the page asks for them by their path, so that they work behind any proxy.
export const local = (url) => (url ? url.replace(/^https?:\/\/[^/]+/, "") : url);

export function upload(file, onProgress) {
  const announced = post("/v2/assets/upload", {
    fileName: (file.name || "recording").slice(-200), contentType: file.type || "application/octet-stream", size: file.size,
  });
  return announced.then((place) => new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open("PUT", local(place.uploadUrl));
    request.upload.onprogress = (event) => onProgress(event.loaded / Math.max(event.total, 1));
    request.onerror = () => { watch(false); reject(new Offline("The upload was interrupted; drop the file again.")); };
    request.onload = () => {
      if (request.status === 204) resolve(place);
      else reject(new ApiError(safeJson(request.responseText), request.status));
    };
    request.send(file);
  })).then((place) => post("/v2/assets", { url: place.url }));
}

const safeJson = (text) => { try { return JSON.parse(text); } catch { return {}; } };

// Ask again and again until `done` says so; a lost server is waited for.
export async function poll(ask, done, onAnswer, alive, every = 1000) {
  while (alive()) {
    try {
      const answer = await ask();
      if (!alive()) return null;
      onAnswer(answer);
      if (done(answer)) return answer;
    } catch (error) {
      if (!(error instanceof Offline) && error.status !== 429 && !(error.status >= 500)) throw error;
    }
    await new Promise((resolve) => setTimeout(resolve, every));
  }
  return null;
}

export const ended = (thing) => ["COMPLETED", "FAILED", "REJECTED"].includes(thing.status);
