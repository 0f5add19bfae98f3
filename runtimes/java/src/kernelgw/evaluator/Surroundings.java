package kernelgw.evaluator;

import com.google.gson.JsonObject;
import java.lang.reflect.Field;
import java.nio.charset.StandardCharsets;
import java.nio.file.FileSystem;
import java.nio.file.FileSystems;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;

/** Environment and directory of a process that runs already: Java has no way to change them, so they are set where it keeps them. */
final class Surroundings {
    static {
        System.load(System.getProperty("kernelgw.native"));
    }

    private Surroundings() {
    }

    private static native int chdir(byte[] path);

    private static native int setenv(byte[] name, byte[] value);

    private static byte[] bytes(String text) {
        if (text.indexOf('\0') >= 0)
            throw new IllegalArgumentException("a NUL stands in it");
        return text.getBytes(StandardCharsets.UTF_8);
    }

    static void configure(JsonObject request) throws Exception {
        if (request.has("cwd") && !request.get("cwd").isJsonNull())
            directory(request.get("cwd").getAsString());
        if (request.has("env") && request.get("env").isJsonObject()) {
            JsonObject env = request.getAsJsonObject("env");
            Map<String, String> variables = variables();
            for (String name : env.keySet()) {
                String value = env.get(name).getAsString();
                int error = setenv(bytes(name), bytes(value));
                if (error != 0)
                    throw new IllegalArgumentException("the variable " + name + " can't be set (errno " + error + ")");
                variables.put(name, value);
            }
        }
    }

    @SuppressWarnings("unchecked")
    private static Map<String, String> variables() throws ReflectiveOperationException {
        Map<String, String> readable = System.getenv();
        Field inside = readable.getClass().getDeclaredField("m");
        inside.setAccessible(true);
        return (Map<String, String>) inside.get(readable);
    }

    private static void directory(String name) throws Exception {
        Path path = Path.of(name).toAbsolutePath().normalize();
        Files.createDirectories(path);
        int error = chdir(bytes(path.toString()));
        if (error != 0)
            throw new IllegalArgumentException("the directory " + path + " can't be entered (errno " + error + ")");
        System.setProperty("user.dir", path.toString());
        FileSystem files = FileSystems.getDefault();
        Field directory = files.getClass().getSuperclass().getDeclaredField("defaultDirectory");
        directory.setAccessible(true);
        directory.set(files, bytes(path.toString()));
        Field old = Class.forName("java.io.File").getDeclaredField("fs");
        old.setAccessible(true);
        Object oldFiles = old.get(null);
        Field user = oldFiles.getClass().getDeclaredField("userDir");
        user.setAccessible(true);
        user.set(oldFiles, path.toString());
    }
}
