package kernelgw.evaluator;

import java.io.IOException;
import java.lang.reflect.Constructor;
import java.lang.reflect.Field;
import java.net.URI;
import java.nio.file.FileSystems;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;

/**
 * JShell reads the names of all 20,000 classes of the JDK when it starts, to know its packages and to propose imports:
 * a third of the start, and 10 MB for good. The packages can be had for nothing, and nobody asks for the rest.
 */
final class PackageIndex {
    private PackageIndex() {
    }

    @SuppressWarnings("unchecked")
    static void prepare() throws ReflectiveOperationException, IOException {
        Set<String> packages = new TreeSet<>();
        ModuleLayer.boot().modules().forEach(module -> packages.addAll(module.getPackages()));
        Class<?> analysis = Class.forName("jdk.jshell.SourceCodeAnalysisImpl");
        Constructor<?> made = Class.forName("jdk.jshell.SourceCodeAnalysisImpl$ClassIndex")
                .getConstructor(long.class, Path.class, Set.class, Map.class);
        Path jdk = Path.of(System.getProperty("java.home"), "lib", "modules");
        Path modules = FileSystems.getFileSystem(URI.create("jrt:/")).getPath("modules");
        Field known = analysis.getDeclaredField("PATH_TO_INDEX");
        known.setAccessible(true);
        ((Map<Path, Object>) known.get(null)).put(jdk,
                made.newInstance(Files.getLastModifiedTime(modules).toMillis(), jdk, packages, Map.of()));
    }
}
