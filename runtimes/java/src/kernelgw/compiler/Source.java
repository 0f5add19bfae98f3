package kernelgw.compiler;

import java.net.URI;
import java.net.URISyntaxException;
import java.nio.charset.StandardCharsets;
import javax.tools.SimpleJavaFileObject;

/** One source file, held in memory under the name that its reader knows it by. */
final class Source extends SimpleJavaFileObject {
    private final String path;
    private final String text;
    private Scan scan;

    Source(String path, byte[] bytes) {
        super(uri(path), Kind.SOURCE);
        this.path = path;
        String decoded = new String(bytes, StandardCharsets.UTF_8);
        text = decoded.startsWith("\ufeff") ? decoded.substring(1) : decoded;
    }

    /** Its last part is the name that class files, and with them stack traces, have of the source. */
    private static URI uri(String path) {
        try {
            return new URI("source", "/" + path, null);
        } catch (URISyntaxException e) {
            return URI.create("source:///unnamed");
        }
    }

    String path() {
        return path;
    }

    Scan scan() {
        if (scan == null)
            scan = new Scan(text);
        return scan;
    }

    /** "Main" of src/app/Main.java. */
    String baseName() {
        String name = path.substring(path.lastIndexOf('/') + 1);
        return name.endsWith(".java") ? name.substring(0, name.length() - 5) : name;
    }

    @Override
    public String getName() {
        return path;
    }

    @Override
    public boolean isNameCompatible(String simpleName, Kind kind) {
        return kind == Kind.SOURCE && simpleName.equals(baseName());
    }

    @Override
    public CharSequence getCharContent(boolean ignoreEncodingErrors) {
        return text;
    }

    @Override
    public String toString() {
        return path;
    }
}
