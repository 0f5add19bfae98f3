import http from 'node:http';

const server = http.createServer((request, response) => {
  response.setHeader('x-seen', request.method);
  response.end(`you asked for ${request.url}`);
});
server.listen(0, '127.0.0.1', async () => {
  const response = await fetch(`http://127.0.0.1:${server.address().port}/a?b=1`);
  console.log(response.status, response.headers.get('x-seen'), await response.text());
  server.closeAllConnections();
  server.close(() => console.log('closed'));
});
