package kernelgw.notebook;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.NoSuchElementException;
import java.util.UUID;

/** What cells have at hand beside the language: every cell imports these methods by their names. */
public final class Notebook {
    private static Front front;

    private Notebook() {
    }

    /** Called once by the evaluator, before any cell. */
    public static synchronized void attach(Front to) {
        if (front != null)
            throw new IllegalStateException("the notebook has its front end");
        front = to;
    }

    /** Shows a value: a Rich one as it says, an image as PNG, a JSON element as JSON, all others as text. */
    public static Display display(Object value) {
        return displayAs(UUID.randomUUID().toString(), value);
    }

    /** Shows data of the mime type named: display("<b>7</b>", "text/html"). Bytes are sent as base64. */
    public static Display display(Object data, String mime) {
        return display(of(mime, data));
    }

    /** Shows a value under an id of the caller's choice, for updateDisplay. */
    public static Display displayAs(String id, Object value) {
        front.display(Mime.bundle(value), Mime.metadata(value), id, false);
        return new Display(id);
    }

    /** Shows a value in the place of every one that was shown under this id. */
    public static void updateDisplay(String id, Object value) {
        front.display(Mime.bundle(value), Mime.metadata(value), id, true);
    }

    /** Removes what the cell has shown so far. */
    public static void clearOutput() {
        clearOutput(false);
    }

    /** wait: only when the next output is there, which avoids flicker. */
    public static void clearOutput(boolean wait) {
        front.clear(wait);
    }

    /** Asks the reader for a line. */
    public static String readLine(String prompt) {
        return line(prompt, false);
    }

    public static String readLine() {
        return line("", false);
    }

    /** Asks the reader for a line that is not shown while it is typed. */
    public static String readPassword(String prompt) {
        return line(prompt, true);
    }

    private static String line(String prompt, boolean password) {
        System.out.flush();
        String line = front.readLine(prompt, password);
        if (line == null)
            throw new NoSuchElementException("there is no input: the reader gave none");
        return line;
    }

    public static Rich html(String text) {
        return of("text/html", text);
    }

    public static Rich markdown(String text) {
        return of("text/markdown", text);
    }

    public static Rich svg(String text) {
        return of("image/svg+xml", text);
    }

    /** A formula: latex("$e^{i\\pi} = -1$"). */
    public static Rich latex(String text) {
        return of("text/latex", text);
    }

    public static Rich png(byte[] bytes) {
        return of("image/png", bytes);
    }

    public static Rich jpeg(byte[] bytes) {
        return of("image/jpeg", bytes);
    }

    /** Maps, lists, records, beans, or a string that holds JSON. */
    public static Rich json(Object value) {
        return of("application/json", value);
    }

    /** A picture from a file, by the ending of its name: png, jpg, gif, webp, svg. */
    public static Rich image(Path file) throws java.io.IOException {
        String name = file.getFileName().toString().toLowerCase();
        String ending = name.substring(name.lastIndexOf('.') + 1);
        return switch (ending) {
            case "svg" -> svg(Files.readString(file));
            case "jpg" -> jpeg(Files.readAllBytes(file));
            case "png", "jpeg", "gif", "webp" -> of("image/" + ending, Files.readAllBytes(file));
            default -> throw new IllegalArgumentException(
                    "'" + name + "' does not end in .png, .jpg, .gif, .webp or .svg");
        };
    }

    public static Rich image(String file) throws java.io.IOException {
        return image(Path.of(file));
    }

    private static Rich of(String mime, Object data) {
        if (mime.indexOf('/') < 1)
            throw new IllegalArgumentException("'" + mime + "' is no mime type such as text/html");
        Map<String, Object> bundle = new LinkedHashMap<>();
        bundle.put(mime, data);
        return new Data(bundle);
    }

    private record Data(Map<String, ?> mimeBundle) implements Rich {
        @Override
        public String toString() {
            String mime = mimeBundle.keySet().iterator().next();
            Object data = mimeBundle.get(mime);
            return data instanceof byte[] bytes ? mime + ", " + bytes.length + " bytes" : String.valueOf(data);
        }
    }
}
