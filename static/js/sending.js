// A file on its way with the tus protocol: whoever sends, it goes on where it broke off, also after a reload.

// A restart of the vault takes some seconds, a tunnel or a lift minutes: what was sent is kept meanwhile.
const RETRY_DELAYS = [0, 500, 1000, 3000, 5000, 10000, 20000, 30000, 60000, 60000, 120000];

/** Whether it is worth trying again: nobody answered, somebody else is at it, or the vault has lost its place. */
function isPassing(error) {
  const status = error.originalResponse?.getStatus() ?? 0;
  return status === 0 || status === 423 || status >= 500 || (status === 409 && error.originalRequest?.getMethod() !== "POST");
}

/** Why a file was not taken, in the vault's words; `otherwise` says it of a status that brings none. */
function reason(error, otherwise) {
  const answer = error.originalResponse;
  if (!answer || !answer.getStatus()) return gettext("The connection was lost.");
  try {
    return JSON.parse(answer.getBody()).message;
  } catch {
    return otherwise(answer.getStatus());
  }
}

/**
 * Begin to send, or go on with what an earlier visit began of the same file (`mark`). `headers` go with each request;
 * `interrupted` is told that it goes on by itself, `failed` why it does not; what else is given is tus's own.
 */
export function send(file, { mark, headers, interrupted, failed, otherwise, ...options }) {
  const upload = new tus.Upload(file, {
    retryDelays: RETRY_DELAYS,
    chunkSize: Infinity,
    removeFingerprintOnSuccess: true,
    fingerprint: async () => mark,
    onBeforeRequest: (request) => {
      for (const [name, value] of Object.entries(headers())) request.setHeader(name, value);
    },
    onShouldRetry: (error) => {
      if (isPassing(error)) interrupted();
      return isPassing(error);
    },
    onError: (error) => failed(reason(error, otherwise)),
    ...options,
  });
  upload.findPreviousUploads()
    .then((earlier) => { if (earlier.length) upload.resumeFromPreviousUpload(earlier[0]); })
    .catch(() => { /* storage is closed to us: the file simply starts anew */ })
    .finally(() => upload.start());
  return upload;
}

/** A large file is put together by a job; ask until it has ended. Answers what the vault says of it then. */
export async function settled(url) {
  for (let wait = 400; ; wait = Math.min(wait * 1.4, 4000)) {
    await new Promise((done) => { setTimeout(done, wait); });
    try {
      const told = await (await fetch(url, { headers: { Accept: "application/json" } })).json();
      if (!["finishing", "receiving"].includes(told.state)) return told;
    } catch { /* the vault is away for a moment */ }
  }
}
