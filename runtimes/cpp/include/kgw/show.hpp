// How the value of a cell's last expression is written. Read before every cell; the functions declared here are the
// evaluator's own.
#pragma once

#include <compare>
#include <concepts>
#include <cstddef>
#include <exception>
#include <ios>
#include <iterator>
#include <memory>
#include <optional>
#include <sstream>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

namespace kgw::detail
{

void put(const char *data, unsigned long n);
void put_integer(long long v);
void put_unsigned(unsigned long long v);
void put_float(float v);
void put_double(double v);
void put_long_double(long double v);
void put_quoted(const char *data, unsigned long n, char quote);
void put_code_point(unsigned long c);
void put_wide(const void *data, unsigned long n, unsigned long width);
void put_pointer(const void *p);
void put_type(const char *name, unsigned long n);
bool is_long();
void bundle_begin();
void bundle_add(const char *mime, unsigned long mime_n, const char *data, unsigned long n, bool json);
void bundle_result();
void bundle_display(const char *id, unsigned long n, bool update);
void clear_output(bool wait);

inline void put(std::string_view text)
{
    put(text.data(), text.size());
}

template <class T> constexpr std::string_view type_name()
{
    std::string_view name = __PRETTY_FUNCTION__;
    auto begin = name.find("[T = ") + 5;
    return name.substr(begin, name.size() - begin - 1);
}

// G: another type after every cell that adds an operator<< or a mime_bundle_repr, since what a type could do is remembered.
template <class T, class G> concept streamable = requires(std::ostream &out, const T &v) { out << v; };
template <class T, class G> concept bundled = requires(const T &v) { mime_bundle_repr(v); };
template <class T> concept pointer_to_be = requires(const T &v) { requires std::is_pointer_v<decltype(+v)>; };
template <class T> concept text_like = std::is_convertible_v<const T &, std::string_view>;
template <class T> concept tuple_like = requires { std::tuple_size<T>::value; };
template <class T> concept listed = requires(T &v) {
    std::begin(v) != std::end(v);
    ++std::declval<decltype(std::begin(v)) &>();
    *std::begin(v);
};
template <class T> concept pointer_like = requires(const T &v) {
    typename T::element_type;
    v.get();
    { static_cast<bool>(v) };
};
template <class T> concept mapping = requires { typename T::key_type; typename T::mapped_type; };

template <class G, class T> void put_value(const T &v);

template <class G, class T> void put_elements(T &v)
{
    constexpr std::size_t shown_at_most = 1000;
    std::size_t n = 0;
    put("{ ");
    auto end = std::end(v);
    for (auto i = std::begin(v); i != end; ++i, ++n) {
        if (n)
            put(", ");
        if (n == shown_at_most || is_long()) {
            put("...");
            break;
        }
        if constexpr (mapping<std::remove_const_t<T>>) {
            put_value<G>(i->first);
            put(" => ");
            put_value<G>(i->second);
        } else {
            using element = std::remove_cvref_t<decltype(*i)>;
            put_value<G>(static_cast<const element &>(*i));
        }
    }
    put(n ? " }" : "}");
}

template <class G, class T> void put_value(const T &v)
{
    // std::vector<bool> gives out stand-ins for its bits
    if constexpr (std::is_same_v<T, bool> || std::is_same_v<T, std::vector<bool>::reference>)
        put(v ? "true" : "false");
    else if constexpr (std::is_function_v<T>)
        put_pointer(reinterpret_cast<const void *>(&v));
    else if constexpr (std::is_same_v<T, char> || std::is_same_v<T, signed char> || std::is_same_v<T, unsigned char>) {
        char c = static_cast<char>(v);
        if constexpr (std::is_same_v<T, char>)
            put_quoted(&c, 1, '\'');
        else
            put_integer(static_cast<long long>(v));
    } else if constexpr (std::is_same_v<T, wchar_t> || std::is_same_v<T, char8_t> || std::is_same_v<T, char16_t> ||
                         std::is_same_v<T, char32_t>)
        put_code_point(static_cast<unsigned long>(v));
    else if constexpr (std::is_integral_v<T> && sizeof(T) <= sizeof(long long)) {
        if constexpr (std::is_signed_v<T>)
            put_integer(v);
        else
            put_unsigned(v);
    } else if constexpr (std::is_same_v<T, float>)
        put_float(v);
    else if constexpr (std::is_same_v<T, double>)
        put_double(v);
    else if constexpr (std::is_same_v<T, long double>)
        put_long_double(v);
    else if constexpr (std::is_null_pointer_v<T>)
        put("nullptr");
    else if constexpr (std::is_enum_v<T>) {
        if constexpr (streamable<T, G> && !std::is_convertible_v<T, std::underlying_type_t<T>>) {
            std::ostringstream out;
            out << v;
            put(out.view());
        } else {
            auto name = type_name<T>();
            put("(");
            put_type(name.data(), name.size());
            put(") ");
            put_integer(static_cast<long long>(v));
        }
    } else if constexpr (std::is_array_v<T> && std::is_same_v<std::remove_cv_t<std::remove_extent_t<T>>, char>) {
        std::string_view text(v, sizeof v);
        put_quoted(v, text.find('\0') == text.npos ? text.size() : text.find('\0'), '"');
    } else if constexpr (std::is_pointer_v<T> && std::is_same_v<std::remove_cv_t<std::remove_pointer_t<T>>, char>) {
        if (v) {
            std::string_view text(v);
            put_quoted(text.data(), text.size(), '"');
        } else
            put("nullptr");
    } else if constexpr (text_like<T>) {
        std::string_view text = v;
        put_quoted(text.data(), text.size(), '"');
    } else if constexpr (requires { std::wstring_view(v); }) {
        std::wstring_view text(v);
        put_wide(text.data(), text.size(), sizeof text[0]);
    } else if constexpr (requires { std::u8string_view(v); }) {
        std::u8string_view text(v);
        put_wide(text.data(), text.size(), 1);
    } else if constexpr (requires { std::u16string_view(v); }) {
        std::u16string_view text(v);
        put_wide(text.data(), text.size(), 2);
    } else if constexpr (requires { std::u32string_view(v); }) {
        std::u32string_view text(v);
        put_wide(text.data(), text.size(), 4);
    } else if constexpr (std::is_pointer_v<T>) {
        if constexpr (std::is_function_v<std::remove_pointer_t<T>>)
            put_pointer(reinterpret_cast<const void *>(v));
        else
            put_pointer(const_cast<const void *>(static_cast<const volatile void *>(v)));
    } else if constexpr (std::is_base_of_v<std::exception, T>) {
        auto name = type_name<T>();
        put_type(name.data(), name.size());
        put(": ");
        put(v.what());
    } else if constexpr (pointer_like<T>) {
        put_pointer(const_cast<const void *>(static_cast<const volatile void *>(v.get())));
    } else if constexpr (std::is_class_v<T> && streamable<T, G> && !pointer_to_be<T>) {
        std::ostringstream out;
        out << v;
        put(out.view());
    } else if constexpr (requires { typename T::value_type; v.has_value(); *v; v.value(); }) {
        if (v.has_value())
            put_value<G>(*v);
        else
            put("nullopt");
    } else if constexpr (std::is_same_v<T, std::nullopt_t>)
        put("nullopt");
    else if constexpr (std::is_same_v<T, std::monostate>)
        put("{}");
    else if constexpr (requires { std::variant_size<T>::value; }) {
        if (v.valueless_by_exception())
            put("valueless");
        else
            std::visit([](const auto &held) { put_value<G>(held); }, v);
    } else if constexpr (listed<const T>)
        put_elements<G>(v);
    else if constexpr (tuple_like<T>) {
        put("{ ");
        std::apply([n = 0](const auto &...each) mutable { ((put(n++ ? ", " : ""), put_value<G>(each)), ...); }, v);
        put(std::tuple_size_v<T> ? " }" : "}");
    } else if constexpr (requires { v.top(); v.empty(); v.size(); } || requires { v.front(); v.empty(); v.size(); }) {
        // stack, queue and priority_queue show no more than an end of them
        auto name = type_name<T>();
        put("(");
        put_type(name.data(), name.size());
        put(") ");
        put_unsigned(v.size());
        put(v.size() == 1 ? " element" : " elements");
    } else if constexpr (requires { v.count(); typename T::period; })
        put_value<G>(v.count());
    else if constexpr (listed<T &>)
        put_elements<G>(const_cast<T &>(v)); // views that look for their beginning when they are asked
    else {
        auto name = type_name<T>();
        put("(");
        put_type(name.data(), name.size());
        put(") @");
        put_pointer(std::addressof(v));
    }
}

// A bundle is anything that lists pairs of a MIME type and text (std::map<std::string, std::string>, kgw::mime_bundle), or that
// dump()s itself as a JSON object, as nlohmann::json does.
template <class B> void put_bundle(const B &bundle)
{
    if constexpr (requires { bundle.items(); bundle.dump(); }) {
        for (const auto &item : bundle.items()) {
            std::string key = item.key(), value;
            bool quoted = item.value().is_string();
            if (quoted)
                item.value().get_to(value);
            else
                value = item.value().dump();
            bundle_add(key.data(), key.size(), value.data(), value.size(), !quoted);
        }
    } else
        for (const auto &[mime, data] : bundle) {
            std::string_view key = mime, value = data;
            bundle_add(key.data(), key.size(), value.data(), value.size(), false);
        }
}

template <class G, class T> void put_rich(const T &v)
{
    bundle_begin();
    if constexpr (bundled<T, G>)
        put_bundle(mime_bundle_repr(v));
    else
        put_value<G>(v);
}

template <class G, class T> void show(const T &v)
{
    // `std::cout << x` at the end of a cell is not there for its value
    if constexpr (!std::is_base_of_v<std::ios_base, T>) {
        put_rich<G>(v);
        bundle_result();
    }
}

} // namespace kgw::detail

template <class T> void __kgw_show(T &&v)
{
    kgw::detail::show<std::integral_constant<int, 0>>(static_cast<const std::remove_reference_t<T> &>(v));
}
