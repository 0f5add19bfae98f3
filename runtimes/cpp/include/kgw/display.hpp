// Pictures, tables and other rich output for notebooks.
//
//     #include <kgw/display.hpp>
//     kgw::display(kgw::html("<b>bold</b>"));
//     kgw::display(kgw::png_file("plot.png"));
//     kgw::display(kgw::text("0 %"), "bar");  kgw::update(kgw::text("50 %"), "bar");
//
// A type of your own is shown richly, as a cell's value and by display(), when a function mime_bundle_repr is found beside it:
//
//     kgw::mime_bundle mime_bundle_repr(const circle &c) { return {{"image/svg+xml", c.svg()}, {"text/plain", "a circle"}}; }
#pragma once

#include <cstdint>
#include <fstream>
#include <iterator>
#include <map>
#include <stdexcept>
#include <string>
#include <string_view>

#include <kgw/show.hpp>

namespace kgw
{

// MIME type to content. Binary content is base64; JSON types (application/json and the like) hold JSON text.
using mime_bundle = std::map<std::string, std::string>;

struct rich {
    mime_bundle content;
};

inline mime_bundle mime_bundle_repr(const rich &r)
{
    return r.content;
}

inline std::string base64(std::string_view bytes)
{
    static constexpr char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    std::string out;
    for (std::size_t i = 0; i < bytes.size(); i += 3) {
        std::uint32_t three = 0;
        for (std::size_t k = 0; k < 3; k++)
            three = three << 8 | (i + k < bytes.size() ? static_cast<unsigned char>(bytes[i + k]) : 0u);
        for (std::size_t k = 0; k < 4; k++)
            out += i + k <= bytes.size() ? digits[three >> (18 - 6 * k) & 63] : '=';
    }
    return out;
}

inline std::string file_bytes(const std::string &path)
{
    std::ifstream in(path, std::ios::binary);
    if (!in)
        throw std::runtime_error("can't read " + path);
    return {std::istreambuf_iterator<char>(in), {}};
}

inline rich text(std::string content)
{
    return {{{"text/plain", std::move(content)}}};
}
inline rich html(std::string content)
{
    return {{{"text/html", std::move(content)}}};
}
inline rich markdown(std::string content)
{
    return {{{"text/markdown", std::move(content)}}};
}
inline rich latex(std::string content)
{
    return {{{"text/latex", std::move(content)}}};
}
inline rich svg(std::string content)
{
    return {{{"image/svg+xml", std::move(content)}}};
}
inline rich json(std::string content)
{
    return {{{"application/json", std::move(content)}}};
}
// png and jpeg take the picture's bytes as they are in a file.
inline rich png(std::string_view bytes)
{
    return {{{"image/png", base64(bytes)}}};
}
inline rich jpeg(std::string_view bytes)
{
    return {{{"image/jpeg", base64(bytes)}}};
}
inline rich png_file(const std::string &path)
{
    return png(file_bytes(path));
}
inline rich jpeg_file(const std::string &path)
{
    return jpeg(file_bytes(path));
}
inline rich svg_file(const std::string &path)
{
    return svg(file_bytes(path));
}

// Shows anything now: what a cell's value would look like, where it stands. With an id, update() can change it later.
template <class T, class Here = decltype([] {})>
void display(const T &what, std::string_view id = {}, bool update = false)
{
    detail::put_rich<Here>(what);
    detail::bundle_display(id.data(), id.size(), update);
}

template <class T, class Here = decltype([] {})> void update(const T &what, std::string_view id)
{
    display<T, Here>(what, id, true);
}

// wait: only when the next output comes, so that nothing flickers.
inline void clear_output(bool wait = false)
{
    detail::clear_output(wait);
}

} // namespace kgw
