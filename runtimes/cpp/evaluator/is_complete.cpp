#include <cstring>

#include "clang/Basic/LangOptions.h"
#include "clang/Basic/SourceManager.h"
#include "clang/Lex/Lexer.h"

#include "words.hpp"

using namespace clang;

namespace kgw::words
{

namespace
{

struct reader {
    std::string open; // brackets that wait for their partners, outermost first
    int conditions = 0; // #if without #endif
    tok::TokenKind last = tok::eof;
    std::string first_word, last_word; // of the statement that the end of the code is in
    bool invalid = false, unfinished = false, at_start = true;

    void close(char opening)
    {
        if (!open.empty() && open.back() == opening)
            open.pop_back();
        else
            invalid = true;
    }

    void take(const Token &t, StringRef text)
    {
        switch (t.getKind()) {
        case tok::l_paren: open += '('; break;
        case tok::l_square: open += '['; break;
        case tok::l_brace: open += '{'; break;
        case tok::r_paren: close('('); break;
        case tok::r_square: close('['); break;
        case tok::r_brace: close('{'); break;
        case tok::unknown:
            if (text.starts_with("/*") || text.contains("R\""))
                unfinished = true;
            else if (text.starts_with("\"") || text.starts_with("'"))
                invalid = true;
            break;
        default: break;
        }
        if (at_start) {
            first_word = text.str();
            at_start = false;
        }
        if (open.empty() && (t.is(tok::semi) || (t.is(tok::r_brace) && !is_type(first_word))))
            at_start = true;
        last = t.getKind();
        last_word = text.str();
    }

    static bool is_type(const std::string &word)
    {
        return word == "class" || word == "struct" || word == "enum" || word == "union";
    }

    bool wants_more() const
    {
        if (!open.empty() || unfinished || conditions > 0)
            return true;
        switch (last) {
        case tok::comma: case tok::equal: case tok::plus: case tok::minus: case tok::star: case tok::slash:
        case tok::percent: case tok::ampamp: case tok::pipepipe: case tok::pipe: case tok::caret: case tok::lessless:
        case tok::question: case tok::colon: case tok::period: case tok::arrow: case tok::coloncolon: case tok::plusequal:
        case tok::minusequal: case tok::equalequal: case tok::exclaimequal: case tok::less: case tok::lessequal:
        case tok::greaterequal: case tok::exclaim:
            return true;
        default: break;
        }
        if (last_word == "else" || last_word == "do" || last_word == "return" || last_word == "case" || last_word == "try")
            return true;
        if (at_start)
            return false;
        if (last == tok::r_paren && (first_word == "if" || first_word == "for" || first_word == "while" || first_word == "switch"))
            return true;
        return (last == tok::r_brace && is_type(first_word)) || (last == tok::greater && first_word == "template");
    }
};

} // namespace

wholeness is_complete(const std::string &code)
{
    LangOptions language;
    language.CPlusPlus = language.CPlusPlus11 = language.CPlusPlus14 = language.CPlusPlus17 = language.CPlusPlus20 = true;
    language.LineComment = language.RawStringLiterals = language.Bool = language.Digraphs = true;
    Lexer lexer(SourceLocation(), language, code.c_str(), code.c_str(), code.c_str() + code.size());
    reader r;
    bool in_directive = false;
    size_t behind = 0; // the last token
    Token t;
    for (bool end = false; !end;) {
        end = lexer.LexFromRawLexer(t);
        if (t.is(tok::eof))
            break;
        auto at = lexer.getCurrentBufferOffset();
        behind = at;
        StringRef text(code.data() + at - t.getLength(), t.getLength());
        if (t.isAtStartOfLine())
            in_directive = t.is(tok::hash);
        if (!in_directive) {
            r.take(t, text);
            continue;
        }
        if (t.is(tok::raw_identifier) && text.starts_with("if"))
            r.conditions++;
        else if (t.is(tok::raw_identifier) && text == "endif")
            r.conditions--;
    }
    // The lexer passes over a comment without an end in silence.
    for (size_t i = behind; i + 1 < code.size(); i++) {
        if (code.compare(i, 2, "//") == 0) {
            i = std::min(code.find('\n', i), code.size());
        } else if (code.compare(i, 2, "/*") == 0) {
            i = code.find("*/", i + 2);
            r.unfinished = r.unfinished || i == std::string::npos;
            if (i == std::string::npos)
                break;
            i++;
        }
    }
    auto last = code.find_last_not_of(" \t\r\n");
    bool continued = last != std::string::npos && code[last] == '\\';
    if (r.invalid || r.conditions < 0)
        return {"invalid", ""};
    if (continued || r.wants_more())
        return {"incomplete", std::string(4 * r.open.size(), ' ')};
    return {"complete", ""};
}

} // namespace kgw::words
