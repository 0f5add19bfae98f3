package kernelgw.evaluator;

import com.google.gson.JsonObject;
import java.io.IOException;
import java.io.InputStream;
import java.io.InterruptedIOException;
import java.nio.charset.StandardCharsets;
import kernelgw.notebook.Front;

/** What cells reach outside with: System.in, whose lines the reader is asked for, and the notebook's displays. */
final class CellInput extends InputStream implements Front {
    private final Wire wire;
    private byte[] line = {};
    private int at;
    private volatile boolean allowed;
    private volatile boolean stale;

    CellInput(Wire wire) {
        this.wire = wire;
    }

    /** A new cell begins: what the last one left of its line is gone. Without a lock: a thread of old may wait in it. */
    void begin(boolean stdinAllowed) {
        allowed = stdinAllowed;
        stale = true;
    }

    @Override
    public String readLine(String prompt, boolean password) {
        try {
            return ask(prompt, password);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new IllegalStateException("interrupted while waiting for input");
        }
    }

    private String ask(String prompt, boolean password) throws InterruptedException {
        if (!allowed)
            throw new IllegalStateException("this cell can't read input: its front end has no stdin");
        JsonObject event = new JsonObject();
        event.addProperty("event", "input");
        event.addProperty("prompt", prompt == null ? "" : prompt);
        event.addProperty("password", password);
        return wire.ask(event);
    }

    private boolean fill() throws IOException {
        if (stale) {
            stale = false;
            at = line.length;
        }
        if (at < line.length)
            return true;
        System.out.flush();
        try {
            String text = ask("", false);
            if (text == null)
                return false;
            line = (text + "\n").getBytes(StandardCharsets.UTF_8);
            at = 0;
            return true;
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new InterruptedIOException("interrupted while waiting for input");
        }
    }

    @Override
    public synchronized int read() throws IOException {
        return fill() ? line[at++] & 0xff : -1;
    }

    @Override
    public synchronized int read(byte[] to, int offset, int n) throws IOException {
        if (n == 0)
            return 0;
        if (!fill())
            return -1;
        int taken = Math.min(n, line.length - at);
        System.arraycopy(line, at, to, offset, taken);
        at += taken;
        return taken;
    }

    @Override
    public synchronized int available() {
        return line.length - at;
    }

    @Override
    public void display(JsonObject data, JsonObject metadata, String id, boolean update) {
        JsonObject event = new JsonObject();
        event.addProperty("event", "display");
        event.add("data", data);
        event.add("metadata", metadata);
        event.addProperty("display_id", id);
        event.addProperty("update", update);
        flush();
        wire.show(event);
    }

    @Override
    public void clear(boolean wait) {
        JsonObject event = new JsonObject();
        event.addProperty("event", "clear");
        event.addProperty("wait", wait);
        flush();
        wire.show(event);
    }

    private static void flush() {
        System.out.flush();
        System.err.flush();
    }
}
