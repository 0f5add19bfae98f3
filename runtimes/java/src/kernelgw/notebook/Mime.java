package kernelgw.notebook;

import com.google.gson.Gson;
import com.google.gson.GsonBuilder;
import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import com.google.gson.JsonPrimitive;
import java.awt.image.RenderedImage;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.Base64;
import java.util.Map;
import javax.imageio.ImageIO;

/** From values to mime bundles. */
public final class Mime {
    private static final Gson GSON = new GsonBuilder().disableHtmlEscaping().serializeNulls().create();
    private static final int TEXT_LIMIT = 1 << 20;

    private Mime() {
    }

    public static JsonObject bundle(Object value) {
        JsonObject data = new JsonObject();
        if (value instanceof Rich rich) {
            Map<String, ?> bundle = rich.mimeBundle();
            if (bundle != null)
                bundle.forEach((mime, what) -> data.add(mime, content(mime, what)));
        } else if (value instanceof RenderedImage image) {
            data.addProperty("image/png", base64(png(image)));
            data.addProperty("text/plain", value.getClass().getSimpleName() + " of " + image.getWidth() + " x "
                    + image.getHeight());
        } else if (value instanceof JsonElement json) {
            data.add("application/json", json);
        }
        if (!data.has("text/plain"))
            data.addProperty("text/plain", text(value));
        return data;
    }

    public static JsonObject metadata(Object value) {
        JsonObject metadata = new JsonObject();
        if (value instanceof RenderedImage image) {
            JsonObject size = new JsonObject();
            size.addProperty("width", image.getWidth());
            size.addProperty("height", image.getHeight());
            metadata.add("image/png", size);
        }
        return metadata;
    }

    /** A value's text, cut where it would only be in the way. */
    public static String text(Object value) {
        return cut(String.valueOf(value));
    }

    public static String cut(String text) {
        if (text == null || text.length() <= TEXT_LIMIT)
            return text;
        return text.substring(0, TEXT_LIMIT) + "... (" + text.length() + " characters in all)";
    }

    private static JsonElement content(String mime, Object what) {
        if (what instanceof JsonElement json)
            return json;
        if (mime.equals("application/json") || mime.endsWith("+json"))
            return what instanceof CharSequence text ? JsonParser.parseString(text.toString()) : GSON.toJsonTree(what);
        if (what instanceof byte[] bytes)
            return new JsonPrimitive(base64(bytes));
        if (what instanceof RenderedImage image && mime.equals("image/png"))
            return new JsonPrimitive(base64(png(image)));
        return new JsonPrimitive(String.valueOf(what));
    }

    private static String base64(byte[] bytes) {
        return Base64.getEncoder().encodeToString(bytes);
    }

    private static byte[] png(RenderedImage image) {
        ImageIO.setUseCache(false);
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        try {
            if (!ImageIO.write(image, "png", out))
                throw new IllegalArgumentException("an image of this kind can't be written as PNG");
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        return out.toByteArray();
    }
}
