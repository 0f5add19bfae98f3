package kernelgw.compiler;

import com.sun.source.util.JavacTask;
import com.sun.source.util.TaskEvent;
import com.sun.source.util.TaskListener;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.StringWriter;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.LinkedHashMap;
import java.util.zip.CRC32;
import java.util.zip.ZipEntry;
import java.util.zip.ZipOutputStream;
import javax.lang.model.element.Element;
import javax.lang.model.element.ExecutableElement;
import javax.lang.model.element.Modifier;
import javax.lang.model.element.NestingKind;
import javax.lang.model.element.TypeElement;
import javax.lang.model.type.TypeKind;
import javax.lang.model.util.ElementFilter;
import javax.tools.JavaCompiler;
import javax.tools.JavaFileManager;
import javax.tools.ToolProvider;

/** Compiles one program: what its entry needs, and nothing else. */
final class Build {
    /** javac's own exit codes. */
    static final int OK = 0;
    static final int ERROR = 1;
    static final int SYSTEM_ERROR = 3;
    static final int CRASH = 4;

    record Result(int status, String text, String mainClass, byte[] jar) {
        static Result failed(int status, String text) {
            return new Result(status, text, "", new byte[0]);
        }
    }

    private static final JavaCompiler COMPILER = ToolProvider.getSystemJavaCompiler();
    private static final JavaFileManager JDK = COMPILER.getStandardFileManager(null, null, null);
    private static final List<String> OPTIONS = List.of("-proc:none", "-implicit:class", "-g", "-encoding", "UTF-8");

    private final String entryPath;
    private final String wanted;
    /** Classes with a main method, nested ones too: binary name, and whether the type is public. In the order of the file. */
    private final Map<String, Boolean> mains = new LinkedHashMap<>();
    private final Map<String, String> canonical = new TreeMap<>();

    private Build(String entryPath, String wanted) {
        this.entryPath = entryPath;
        this.wanted = wanted;
    }

    /** wanted: the class to start as its user names it, or "" for the entry's. */
    static Result run(List<Source> sources, String entry, String wanted) {
        try {
            return new Build(entry, wanted).run(sources);
        } catch (RuntimeException e) {
            return crashed(e.getCause() != null ? e.getCause() : e);
        } catch (IOException | StackOverflowError | OutOfMemoryError e) {
            return crashed(e);
        }
    }

    private static Result crashed(Throwable e) {
        if (e instanceof OutOfMemoryError)
            return Result.failed(SYSTEM_ERROR, "error: the compiler ran out of memory\n");
        if (e instanceof StackOverflowError)
            return Result.failed(SYSTEM_ERROR, "error: the code is nested too deeply for the compiler\n");
        return Result.failed(CRASH, "error: the compiler failed: " + e + "\n");
    }

    private Result run(List<Source> sources) throws IOException {
        Source entry = sources.stream().filter(s -> s.path().equals(entryPath)).findFirst().orElse(null);
        if (entry == null)
            return Result.failed(ERROR, "error: there is no file " + entryPath + "\n");
        Project project = new Project(sources, entry);
        Source start = entry;
        if (!wanted.isEmpty() && (start = project.declaring(wanted)) == null)
            return Result.failed(ERROR, "error: main_class: no source file declares the class " + wanted + "\n");
        Files files = new Files(JDK, project);
        StringWriter text = new StringWriter();
        JavacTask task = (JavacTask) COMPILER.getTask(text, files, null, OPTIONS, null, List.of(start));
        String path = start.path();
        task.addTaskListener(new TaskListener() {
            @Override
            public void finished(TaskEvent e) {
                TypeElement type = e.getTypeElement();
                if (e.getKind() == TaskEvent.Kind.ANALYZE && type != null && e.getSourceFile().getName().equals(path)
                        && type.getNestingKind() == NestingKind.TOP_LEVEL)
                    collect(task, type);
            }
        });
        if (!task.call())
            return rejected(text.toString());
        String main = choose(start);
        if (main == null)
            return Result.failed(ERROR, text + nothingToStart(start));
        return new Result(OK, text.toString(), main, jar(files.classes));
    }

    /** javac asks for a bug report when its stack or its heap was too small. */
    private static Result rejected(String text) {
        if (!text.contains("An exception has occurred in the compiler") && !text.startsWith("\n\nThe system is out of resources"))
            return Result.failed(ERROR, text);
        if (text.contains("java.lang.StackOverflowError"))
            return crashed(new StackOverflowError());
        return text.contains("java.lang.OutOfMemoryError") ? crashed(new OutOfMemoryError()) : Result.failed(CRASH, text);
    }

    private void collect(JavacTask task, TypeElement type) {
        String name = task.getElements().getBinaryName(type).toString();
        canonical.put(type.getQualifiedName().toString(), name);
        for (ExecutableElement method : ElementFilter.methodsIn(task.getElements().getAllMembers(type)))
            if (isMain(method, type))
                mains.put(name, type.getModifiers().contains(Modifier.PUBLIC) && type.getNestingKind() == NestingKind.TOP_LEVEL);
        for (TypeElement inner : ElementFilter.typesIn(type.getEnclosedElements()))
            collect(task, inner);
    }

    private static boolean isMain(ExecutableElement method, TypeElement of) {
        Element owner = method.getEnclosingElement();
        return method.getSimpleName().contentEquals("main") && method.getModifiers().contains(Modifier.STATIC)
                && method.getModifiers().contains(Modifier.PUBLIC) && method.getReturnType().getKind() == TypeKind.VOID
                && method.getParameters().size() == 1
                && method.getParameters().get(0).asType().toString().equals("java.lang.String[]")
                && (owner.equals(of) || !owner.getKind().isInterface()); // interfaces don't give theirs on
    }

    /** The class to start: the one wanted; else the public one, the one named as the file, the first. */
    private String choose(Source start) {
        if (!wanted.isEmpty()) {
            String name = canonical.getOrDefault(wanted, wanted);
            return mains.containsKey(name) ? name : null;
        }
        String prefix = start.scan().packageName.isEmpty() ? "" : start.scan().packageName + ".";
        for (Map.Entry<String, Boolean> main : mains.entrySet())
            if (main.getValue())
                return main.getKey();
        if (mains.containsKey(prefix + start.baseName()))
            return prefix + start.baseName();
        for (String name : mains.keySet())
            if (canonical.get(name) != null && name.equals(canonical.get(name)))
                return name;
        return mains.keySet().stream().findFirst().orElse(null);
    }

    private String nothingToStart(Source start) {
        String missing = "public static void main(String[] args)";
        if (wanted.isEmpty())
            return start.path() + ": error: no class of this file has a method " + missing
                    + ": add one, or name the class to start with the option main_class\n";
        String others = mains.isEmpty() ? "" : " (" + String.join(", ", mains.keySet()) + " has one)";
        return start.path() + ": error: main_class: the class " + wanted + " has no method " + missing + others + "\n";
    }

    /** Not compressed: it is read once. */
    private static byte[] jar(Map<String, ByteArrayOutputStream> classes) throws IOException {
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        try (ZipOutputStream zip = new ZipOutputStream(bytes)) {
            zip.setMethod(ZipOutputStream.STORED);
            for (Map.Entry<String, ByteArrayOutputStream> made : classes.entrySet()) {
                byte[] content = made.getValue().toByteArray();
                CRC32 sum = new CRC32();
                sum.update(content);
                ZipEntry entry = new ZipEntry(made.getKey().replace('.', '/') + ".class");
                entry.setSize(content.length);
                entry.setCrc(sum.getValue());
                entry.setTime(0);
                zip.putNextEntry(entry);
                zip.write(content);
            }
        }
        return bytes.toByteArray();
    }
}
