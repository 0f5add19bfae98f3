package kernelgw.compiler;

import java.io.ByteArrayOutputStream;
import java.io.OutputStream;
import java.net.URI;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import javax.tools.FileObject;
import javax.tools.ForwardingJavaFileManager;
import javax.tools.JavaFileManager;
import javax.tools.JavaFileObject;
import javax.tools.JavaFileObject.Kind;
import javax.tools.SimpleJavaFileObject;
import javax.tools.StandardLocation;

/** The compiler's file system: the project's sources and the classes made of them in memory, and the JDK. Nothing else. */
final class Files extends ForwardingJavaFileManager<JavaFileManager> {
    private final Project project;
    /** Binary name to class file, in a fixed order. */
    final Map<String, ByteArrayOutputStream> classes = new TreeMap<>();

    Files(JavaFileManager jdk, Project project) {
        super(jdk);
        this.project = project;
    }

    private static boolean ours(Location location) {
        return location == StandardLocation.SOURCE_PATH || location == StandardLocation.CLASS_PATH
                || location == StandardLocation.CLASS_OUTPUT;
    }

    @Override
    public boolean hasLocation(Location location) {
        return ours(location) || (location != StandardLocation.SOURCE_OUTPUT
                && location != StandardLocation.ANNOTATION_PROCESSOR_PATH && super.hasLocation(location));
    }

    @Override
    public Iterable<JavaFileObject> list(Location location, String packageName, Set<Kind> kinds, boolean recurse)
            throws java.io.IOException {
        if (!ours(location))
            return super.list(location, packageName, kinds, recurse);
        List<JavaFileObject> found = new ArrayList<>();
        if (location == StandardLocation.SOURCE_PATH && kinds.contains(Kind.SOURCE))
            found.addAll(project.classes(packageName));
        return found;
    }

    @Override
    public String inferBinaryName(Location location, JavaFileObject file) {
        if (file instanceof SourceClass source)
            return source.binaryName();
        return ours(location) ? null : super.inferBinaryName(location, file);
    }

    @Override
    public boolean isSameFile(FileObject a, FileObject b) {
        return a.equals(b) || b.equals(a);
    }

    @Override
    public boolean contains(Location location, FileObject file) throws java.io.IOException {
        if (file instanceof SourceClass || file instanceof Source)
            return location == StandardLocation.SOURCE_PATH;
        return !ours(location) && super.contains(location, file);
    }

    @Override
    public JavaFileObject getJavaFileForInput(Location location, String className, Kind kind) throws java.io.IOException {
        return ours(location) ? null : super.getJavaFileForInput(location, className, kind);
    }

    @Override
    public FileObject getFileForInput(Location location, String packageName, String name) throws java.io.IOException {
        return ours(location) ? null : super.getFileForInput(location, packageName, name);
    }

    @Override
    public JavaFileObject getJavaFileForOutput(Location location, String className, Kind kind, FileObject sibling) {
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        classes.put(className, bytes);
        return new SimpleJavaFileObject(URI.create("class:///made.class"), kind) {
            @Override
            public OutputStream openOutputStream() {
                return bytes;
            }
        };
    }

    @Override
    public ClassLoader getClassLoader(Location location) {
        return null; // no code of the program is run here
    }

    @Override
    public void close() {
        // the JDK's part serves the next one
    }
}
