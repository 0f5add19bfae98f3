import asyncio


async def echo(reader, writer):
    while line := await reader.readline():
        writer.write(line.upper())
    writer.close()


async def main():
    server = await asyncio.start_server(echo, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"loopback\nworks\n")
    print((await reader.readline()).decode().strip(), (await reader.readline()).decode().strip())
    writer.close()
    server.close()
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(asyncio.sleep(0.01 * n, n)) for n in (3, 1, 2)]
    print([t.result() for t in tasks])


asyncio.run(main())
