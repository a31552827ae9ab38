// Node's own server, with a handler that looks at no body: `node server.mjs PORT RECORDS`.
// Writes down METHOD TARGET REQUEST-ID of each request it serves.
import { appendFileSync } from 'node:fs';
import { createServer } from 'node:http';

const [, , port, records] = process.argv;
createServer((request, response) => {
  appendFileSync(records, `${request.method} ${request.url} ${request.headers['x-request-id'] ?? '-'}\n`);
  const body = `${request.url}\n${request.headers['x-verified-subject'] ?? '-'}\n`;
  response.writeHead(200, { 'Content-Type': 'text/plain', 'Content-Length': Buffer.byteLength(body) });
  response.end(body);
}).listen(Number(port), '127.0.0.1', 511);
