package kernelgw.notebook;

import java.util.Map;

/** A value that says itself how a notebook shows it: class Point implements Rich. */
public interface Rich {
    /** What to show, by mime type: Map.of("text/html", "<b>7</b>"). text/plain is added from toString() when missing. */
    Map<String, ?> mimeBundle();
}
