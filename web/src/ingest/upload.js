// A body with progress: fetch() does not tell how much was sent, XMLHttpRequest does.
import { cancelled } from '../api.js';

export const upload = (path, blob, headers, onProgress, signal) => new Promise((resolve, reject) => {
  const request = new XMLHttpRequest();
  request.open('POST', path);
  for (const [name, value] of Object.entries(headers)) request.setRequestHeader(name, value);
  request.upload.onprogress = (event) => onProgress({ sent: event.loaded, total: event.total });
  request.onload = () => {
    let body = null;
    try {
      body = JSON.parse(request.responseText);
    } catch {
      /* then it is no answer of the server's */
    }
    if (request.status < 300 && body) resolve(body);
    else reject(body?.title ? { ...body, status: request.status } : { title: 'The server did not answer as expected', detail: `HTTP status ${request.status}`, status: request.status });
  };
  request.onerror = () => reject({ title: 'No connection', detail: 'The server could not be reached, or it refused the body.' });
  request.onabort = () => reject(cancelled);
  signal.addEventListener('abort', () => request.abort());
  request.send(blob);
});
