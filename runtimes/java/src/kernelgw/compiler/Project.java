package kernelgw.compiler;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * The sources of one program, and where a class of a package is looked for: first below the entry's source root (its folder
 * without what its package line names), by folders as javac does; then in other roots of the tree (src/test/java beside
 * src/main/java), where folders agree with package lines. A file is only compiled when something needs a class of it.
 */
final class Project {
    private final Map<String, Source> files = new HashMap<>();
    private final Map<String, List<Source>> packages = new HashMap<>();
    private final String root;

    Project(List<Source> sources, Source entry) {
        root = root(entry);
        sources.forEach(source -> files.put(source.path(), source));
        List<Source> ordered = new ArrayList<>(sources);
        ordered.sort(Comparator.comparing((Source s) -> rank(s)).thenComparing(Source::path));
        for (Source source : ordered)
            if (rank(source) < 3)
                packages.computeIfAbsent(source.scan().packageName, name -> new ArrayList<>()).add(source);
    }

    /** A folder's path with a slash at its end, or "". */
    private static String folder(String path) {
        return path.substring(0, path.lastIndexOf('/') + 1);
    }

    private static String folderOf(String packageName) {
        return packageName.isEmpty() ? "" : packageName.replace('.', '/') + "/";
    }

    /** The source root that a file's place and package line agree on; its own folder when they do not agree. */
    private static String root(Source source) {
        String folder = folder(source.path());
        String tail = folderOf(source.scan().packageName);
        return ("/" + folder).endsWith("/" + tail) ? folder.substring(0, folder.length() - tail.length()) : folder;
    }

    /** 0: where it belongs below the entry's root; 1: beside the entry, in its package by its own word; 2: of another root. */
    private int rank(Source source) {
        String folder = folder(source.path());
        String tail = folderOf(source.scan().packageName);
        if (folder.equals(root + tail))
            return 0;
        if (folder.equals(root))
            return 1;
        return !tail.isEmpty() && ("/" + folder).endsWith("/" + tail) ? 2 : 3;
    }

    /** The classes of a package, one for each name: the best file for it, and files named as the class before others. */
    List<SourceClass> classes(String packageName) {
        List<SourceClass> found = new ArrayList<>();
        Set<String> names = new HashSet<>();
        List<Source> sources = packages.getOrDefault(packageName, List.of());
        for (Source source : sources)
            if (source.scan().types.contains(source.baseName()) && names.add(source.baseName()))
                found.add(new SourceClass(source, packageName, source.baseName()));
        for (Source source : sources)
            for (String type : source.scan().types)
                if (names.add(type))
                    found.add(new SourceClass(source, packageName, type));
        return found;
    }

    /** The file that declares the class a.b.C, or the class that C.D and C$D are in; null when there is none. */
    Source declaring(String className) {
        String name = className;
        while (true) {
            int dot = name.lastIndexOf('.');
            String simple = name.substring(dot + 1);
            for (SourceClass c : classes(dot < 0 ? "" : name.substring(0, dot)))
                if (c.name().equals(simple))
                    return c.source();
            int cut = Math.max(dot, name.lastIndexOf('$'));
            if (cut <= 0)
                return null;
            name = name.substring(0, cut);
        }
    }
}
