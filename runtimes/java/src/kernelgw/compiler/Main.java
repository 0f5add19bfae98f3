package kernelgw.compiler;

import java.io.BufferedInputStream;
import java.io.BufferedOutputStream;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.FileDescriptor;
import java.io.FileOutputStream;
import java.io.IOException;
import java.lang.reflect.Constructor;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.channels.Channels;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.List;

/**
 * The service of a Java box: a compiler that is warm. It sees no file of the user: sources come over its socket and
 * classes go back (client/kgw-java.c), so there is no path to trust. One connection is one compilation:
 *
 *   request   "KGJ1", entry, main class or "", u32 count, then count times: path, bytes
 *   reply     u8 BEGUN once it is this request's turn; u8 status (javac's), text for stderr, main class, jar
 *
 * where every string and run of bytes has its length before it, as a u32 in big-endian order.
 *
 * usage: Main DIRECTORY     (made here; the socket is DIRECTORY/socket). Writes "ready" to descriptor 3.
 */
public final class Main {
    private static final int MAGIC = 0x4b474a31;
    private static final int BEGUN = 1;
    private static final int FILES_MOST = 4096;
    private static final int BYTES_MOST = 16 << 20;
    private static final long LARGE_BYTES = 40 << 20;
    private static final long STACK_BYTES = 16 << 20;

    private Main() {
    }

    public static void main(String[] args) throws Exception {
        Path folder = Path.of(args[0]);
        Path path = folder.resolve("socket");
        if (!java.nio.file.Files.isDirectory(folder, java.nio.file.LinkOption.NOFOLLOW_LINKS))
            java.nio.file.Files.createDirectory(folder);
        java.nio.file.Files.setPosixFilePermissions(folder, PosixFilePermissions.fromString("rwxr-xr-x"));
        java.nio.file.Files.deleteIfExists(path);
        Thread serving = new Thread(null, () -> {
            try (ServerSocketChannel server = ServerSocketChannel.open(StandardProtocolFamily.UNIX)) {
                server.bind(UnixDomainSocketAddress.of(path));
                java.nio.file.Files.setPosixFilePermissions(path, PosixFilePermissions.fromString("rw-rw-rw-"));
                WarmUp.run();
                sayReady();
                while (true) {
                    serve(server.accept());
                    giveBack();
                }
            } catch (Throwable e) {
                e.printStackTrace();
                Runtime.getRuntime().halt(1);
            }
        }, "compiler", STACK_BYTES);
        serving.start();
    }

    private static void sayReady() throws ReflectiveOperationException, IOException {
        Constructor<FileDescriptor> made = FileDescriptor.class.getDeclaredConstructor(int.class);
        made.setAccessible(true);
        try (FileOutputStream out = new FileOutputStream(made.newInstance(3))) {
            out.write("ready\n".getBytes(StandardCharsets.US_ASCII));
        }
    }

    /** After a large program: its memory is the next one's, and that of the program that runs now. */
    private static void giveBack() {
        if (Runtime.getRuntime().totalMemory() > LARGE_BYTES)
            System.gc();
    }

    private static void serve(SocketChannel client) {
        try (client) {
            Channels.newOutputStream(client).write(BEGUN);
            DataInputStream in = new DataInputStream(new BufferedInputStream(Channels.newInputStream(client)));
            Build.Result result = answer(in, client);
            DataOutputStream out = new DataOutputStream(new BufferedOutputStream(Channels.newOutputStream(client)));
            out.writeByte(result.status());
            for (byte[] part : new byte[][] {result.text().getBytes(StandardCharsets.UTF_8),
                    result.mainClass().getBytes(StandardCharsets.UTF_8), result.jar()}) {
                out.writeInt(part.length);
                out.write(part);
            }
            out.flush();
        } catch (IOException e) {
            System.err.println("a client went away: " + e.getMessage());
        } catch (OutOfMemoryError e) {
            System.err.println("out of memory: a request is dropped");
        }
    }

    private static Build.Result answer(DataInputStream in, SocketChannel client) throws IOException {
        int[] left = {BYTES_MOST};
        if (in.readInt() != MAGIC)
            return Build.Result.failed(Build.CRASH, "error: this is no request\n");
        String entry = string(in, left);
        String wanted = string(in, left);
        int count = in.readInt();
        if (count < 0 || count > FILES_MOST)
            return Build.Result.failed(Build.ERROR, "error: more than " + FILES_MOST + " source files\n");
        List<Source> sources = new ArrayList<>();
        for (int i = 0; i < count; i++) {
            String path = string(in, left);
            byte[] bytes = bytes(in, left);
            if (bytes == null)
                return Build.Result.failed(Build.ERROR, "error: the sources are larger than " + (BYTES_MOST >> 20) + " MB\n");
            sources.add(new Source(path, bytes));
        }
        try (Watch watch = new Watch(client)) {
            return Build.run(sources, entry, wanted);
        }
    }

    private static byte[] bytes(DataInputStream in, int[] left) throws IOException {
        int length = in.readInt();
        if (length < 0 || length > left[0])
            return null;
        left[0] -= length;
        byte[] bytes = new byte[length];
        in.readFully(bytes);
        return bytes;
    }

    private static String string(DataInputStream in, int[] left) throws IOException {
        byte[] bytes = bytes(in, left);
        if (bytes == null)
            throw new IOException("a string is too long");
        return new String(bytes, StandardCharsets.UTF_8);
    }

    /**
     * javac can't be stopped, and some code keeps it busy for ever. When the client has gone while it works, nobody wants the
     * answer: the process ends, and the agent starts a new one.
     */
    private static final class Watch implements AutoCloseable {
        private volatile boolean over;

        Watch(SocketChannel client) {
            Thread thread = new Thread(() -> {
                try {
                    while (client.read(java.nio.ByteBuffer.allocate(1)) > 0)
                        continue;
                } catch (IOException e) {
                    // as an end
                }
                if (!over)
                    Runtime.getRuntime().halt(2);
            }, "watch");
            thread.setDaemon(true);
            thread.start();
        }

        @Override
        public void close() {
            over = true;
        }
    }
}
