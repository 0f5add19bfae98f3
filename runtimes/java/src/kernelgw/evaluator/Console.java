package kernelgw.evaluator;

import java.io.OutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;

/** System.out and System.err: as Java has them, but that e.printStackTrace() names cells and lines. */
final class Console extends PrintStream {
    private boolean below;

    Console(OutputStream to) {
        super(to, false, StandardCharsets.UTF_8);
    }

    @Override
    public void println(Object x) {
        // Throwable.printStackTrace comes here with a line a frame
        if (x instanceof String line && line.startsWith("\tat ")) {
            String told = Traces.line(line);
            // what is below our own frames is the thread's beginning
            if (told != null && !(below && line.contains("java.lang.Thread.run(")))
                super.println((Object) told);
            below = told == null;
            return;
        }
        super.println(x);
    }
}
