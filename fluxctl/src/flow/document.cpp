// SPDX-License-Identifier: MIT
#include "flow/document.hpp"

#include <boost/locale/utf.hpp>
#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/parser.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <map>
#include <sstream>

namespace fluxctl::flow {

namespace {

namespace utf = boost::locale::utf;
using Kind = Element::Kind;

Place place_of(const YAML::Mark& mark) { return {mark.line + 1, mark.column + 1}; }

// Makes the tree; throws a Problem where a bound is passed.
class Builder final : public YAML::EventHandler {
public:
    explicit Builder(std::string_view text) : text_{text} {}

    std::shared_ptr<const Element> root;
    std::vector<Problem> problems;

    // Where the parser is, as far as it has come.
    std::string field() const {
        std::string field;
        for (const auto& [element, anchor, key] : open_)
            if (element->kind == Kind::list)
                field += '[' + std::to_string(element->items.size()) + ']';
            else if (key)
                field += (field.empty() ? "" : ".") + key->text;
        return field;
    }
    Place innermost() const { return open_.empty() ? Place{1, 1} : open_.back().element->place; }

    void OnDocumentStart(const YAML::Mark& mark) override {
        if (++documents_ > 1)
            throw Problem{place_of(mark), "", "what begins here is not part of what stands before it",
                          "check the indentation, and remove '---' lines: a file has one flow"};
    }
    void OnDocumentEnd() override {}

    void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override { leaf(mark, Kind::null, anchor); }

    void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                  const std::string& value) override {
        if (tag != "!" && tag != "tag:yaml.org,2002:str")
            check_tag(mark, tag);
        check_quotes(mark);
        leaf(mark, Kind::scalar, anchor, value, tag == "?" || tag.empty());
    }

    void OnAlias(const YAML::Mark& mark, YAML::anchor_t anchor) override {
        const auto found = anchors_.find(anchor);
        if (found == anchors_.end())
            throw Problem{place_of(mark), "", "the alias stands inside of what it refers to",
                          "write out what is meant"};
        count(mark, found->second->size, found->second->bytes);
        if (open_.size() + found->second->depth > max_depth)
            too_deep(place_of(mark));
        add(found->second);
    }

    void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                         YAML::EmitterStyle::value) override {
        begin(mark, tag, Kind::list, anchor);
    }
    void OnSequenceEnd() override { end(); }
    void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                    YAML::EmitterStyle::value) override {
        begin(mark, tag, Kind::map, anchor);
    }
    void OnMapEnd() override { end(); }

private:
    // A list or map that is not complete.
    struct Open {
        std::shared_ptr<Element> element;
        YAML::anchor_t anchor;
        std::shared_ptr<const Element> key; // whose value comes next
    };

    void check_tag(const YAML::Mark& mark, const std::string& tag) {
        if (tag != "?" && !tag.empty())
            problems.push_back(
                {place_of(mark), "", "the tag '" + tag + "' means nothing here", "leave it out"});
    }

    // yaml-cpp takes the end of the file for the closing quote.
    void check_quotes(const YAML::Mark& mark) {
        const auto begin = static_cast<std::size_t>(mark.pos);
        if (begin >= text_.size() || (text_[begin] != '"' && text_[begin] != '\''))
            return;
        const char quote = text_[begin];
        for (auto i = begin + 1; i < text_.size(); ++i) {
            const bool escape = quote == '"' ? text_[i] == '\\' : text_.substr(i, 2) == "''";
            if (escape)
                ++i;
            else if (text_[i] == quote)
                return;
        }
        throw Problem{place_of(mark), field(), "a quote is not closed", "add the closing quote"};
    }

    void count(const YAML::Mark& mark, std::size_t more, std::size_t bytes) {
        elements_ += more;
        bytes_ += bytes;
        if (elements_ > max_elements || bytes_ > max_text)
            throw Problem{place_of(mark), "",
                          "with its aliases written out, the file has more than " +
                              (elements_ > max_elements ? std::to_string(max_elements) + " values"
                                                        : std::to_string(max_text >> 20) + " MiB of text"),
                          "split it"};
    }

    void leaf(const YAML::Mark& mark, Kind kind, YAML::anchor_t anchor, std::string text = {},
              bool plain = false) {
        count(mark, 1, text.size());
        const auto element = std::make_shared<Element>();
        element->kind = kind;
        element->place = place_of(mark);
        element->bytes = text.size();
        element->text = std::move(text);
        element->plain = plain;
        finish(element, anchor);
    }

    void begin(const YAML::Mark& mark, const std::string& tag, Kind kind, YAML::anchor_t anchor) {
        check_tag(mark, tag);
        count(mark, 1, 0);
        if (open_.size() >= max_depth)
            too_deep(place_of(mark));
        auto element = std::make_shared<Element>();
        element->kind = kind;
        element->place = place_of(mark);
        open_.push_back({std::move(element), anchor, nullptr});
    }

    void end() {
        const auto closed = std::move(open_.back());
        open_.pop_back();
        finish(closed.element, closed.anchor);
    }

    void finish(const std::shared_ptr<const Element>& element, YAML::anchor_t anchor) {
        if (anchor != YAML::NullAnchor)
            anchors_.insert_or_assign(anchor, element);
        add(element);
    }

    void add(const std::shared_ptr<const Element>& element) {
        if (open_.empty()) {
            root = element;
            return;
        }
        auto& [parent, anchor, key] = open_.back();
        parent->size += element->size;
        parent->bytes += element->bytes;
        parent->depth = std::max(parent->depth, element->depth + 1);
        if (parent->kind == Kind::list) {
            parent->items.push_back(element);
        } else if (!key) {
            key = element;
        } else {
            parent->entries.push_back({std::move(key), element});
            key = nullptr;
        }
    }

    [[noreturn]] static void too_deep(Place place) {
        throw Problem{place, "", "it is nested more than " + std::to_string(max_depth) + " levels deep",
                      "flatten it"};
    }

    std::string_view text_;
    int documents_ = 0;
    std::size_t elements_ = 0;
    std::size_t bytes_ = 0;
    std::vector<Open> open_;
    std::map<YAML::anchor_t, std::shared_ptr<const Element>> anchors_;
};

// What yaml-cpp does not look at: it would pass on bytes that are no text, and end at some control characters.
std::optional<Problem> text_problem(std::string_view text) {
    if (text.size() > max_size)
        return Problem{{1, 1},
                       "",
                       "the file has more than " + std::to_string(max_size >> 20) + " MiB",
                       "split the flow, or keep what is large in files of its own"};
    Place place{1, 1};
    const char* at = text.data();
    for (const char* const end = at + text.size(); at != end;) {
        const auto c = utf::utf_traits<char>::decode(at, end);
        if (!utf::is_valid_codepoint(c))
            return Problem{place, "", "a byte is not UTF-8", "save the file as UTF-8"};
        if ((c < 0x20 && c != '\t' && c != '\n' && c != '\r') || c == 0x7f)
            return Problem{place, "", "there is a control character", "remove it"};
        place = c == '\n' ? Place{place.line + 1, 1} : Place{place.line, place.column + 1};
    }
    return {};
}

// Lines up to `last` that begin with a tab, which yaml-cpp only complains about by what comes of it.
std::vector<Problem> tab_problems(std::string_view text, int last) {
    std::vector<Problem> problems;
    int number = 0;
    while (!text.empty() && ++number <= last) {
        const auto line = text.substr(0, text.find('\n'));
        text.remove_prefix(std::min(line.size() + 1, text.size()));
        const auto indent = line.substr(0, std::min(line.find_first_not_of(" \t\r"), line.size()));
        const auto tab = indent.find('\t');
        if (tab != std::string_view::npos && indent.size() < line.size() && line[indent.size()] != '#')
            problems.push_back({{number, static_cast<int>(tab) + 1},
                                "",
                                "a tab indents the line",
                                "YAML is indented with spaces"});
    }
    return problems;
}

struct Words {
    std::string_view theirs; // of yaml-cpp
    std::string_view what;
    std::string_view suggestion;
};

constexpr std::array words{
    Words{"end of map not found", "the line does not fit into what stands around it",
          "indent it like its neighbours, and begin it as they do: `key: value`, or '- ' in a list"},
    Words{"end of sequence not found", "the line does not fit into the list around it",
          "indent it like its neighbours, and begin it with '- '"},
    Words{"end of map flow not found", "a '{' is not closed, or a ',' is missing in it",
          "add the '}' or the ','"},
    Words{"end of sequence flow not found", "a '[' is not closed, or a ',' is missing in it",
          "add the ']' or the ',', and put an edge with brackets into quotes"},
    Words{"illegal map value", "there is a ':' where no value may follow",
          "put a text with ': ' in it into quotes, and check the indentation"},
    Words{"illegal map key", "a key may not stand here", "check the indentation"},
    Words{"illegal block entry", "a '- ' may not stand here", "put the list on lines of its own"},
    Words{"illegal flow end", "there is a ']' or '}' that does not close what is open",
          "remove it, or close what is open"},
    Words{"illegal EOF in scalar", "a quote is not closed", "add the closing quote"},
    Words{"illegal document indicator in scalar", "a quote is not closed", "add the closing quote"},
    Words{"unknown token", "a text may not begin with this character", "put the text into quotes"},
    Words{"the referenced anchor is not defined", "the alias refers to nothing",
          "put a text that begins with '*' into quotes, or define the anchor with '&' before it"},
    Words{"alias not found after *", "there is a '*' that is no alias",
          "put a text that begins with '*' into quotes"},
    Words{"anchor not found after &", "there is a '&' that is no anchor",
          "put a text that begins with '&' into quotes"},
};

Problem problem_of(const YAML::ParserException& error, const Builder& builder) {
    Problem problem{place_of(error.mark), builder.field(), "this is no YAML: " + error.msg, ""};
    for (const auto& known : words)
        if (error.msg.starts_with(known.theirs)) {
            problem.what = known.what;
            problem.suggestion = known.suggestion;
        }
    // Found at the end of the file, where nobody would look.
    if (error.msg.ends_with("flow not found"))
        problem.place = builder.innermost();
    if (error.msg.starts_with("unknown escape character"))
        problem.suggestion = "use single quotes, where a backslash means itself";
    return problem;
}

bool take_prefix(std::string_view& text, std::string_view prefix) {
    if (!text.starts_with(prefix))
        return false;
    text.remove_prefix(prefix.size());
    return true;
}

bool only_has(std::string_view text, std::string_view characters) {
    return !text.empty() && text.find_first_not_of(characters) == std::string_view::npos;
}

constexpr std::string_view digits = "0123456789";

// A number of the core schema: [0-9]*(\.[0-9]*)?([eE][-+]?[0-9]+)? with a digit before the exponent.
bool is_decimal(std::string_view text) {
    const auto take_digits = [&] {
        const auto count = std::min(text.find_first_not_of(digits), text.size());
        text.remove_prefix(count);
        return count;
    };
    auto mantissa = take_digits();
    if (take_prefix(text, "."))
        mantissa += take_digits();
    if (mantissa == 0)
        return false;
    if (take_prefix(text, "e") || take_prefix(text, "E")) {
        if (!take_prefix(text, "-"))
            take_prefix(text, "+");
        return take_digits() > 0 && text.empty();
    }
    return text.empty();
}

// Of digits that are known to be digits of `base`; none where they do not fit.
template <class T>
std::optional<T> whole(std::string_view text, int base) {
    T value{};
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, base);
    return error == std::errc{} ? std::optional{value} : std::nullopt;
}

std::optional<boost::json::value> number(bool negative, std::string_view text) {
    const std::string signed_text = (negative ? "-" : "") + std::string{text};
    if (only_has(text, digits)) {
        if (const auto value = whole<std::int64_t>(signed_text, 10))
            return *value;
        if (const auto value = whole<std::uint64_t>(signed_text, 10))
            return *value;
    }
    double value = 0;
    const auto [end, error] =
        std::from_chars(signed_text.data(), signed_text.data() + signed_text.size(), value);
    return error == std::errc{} ? std::optional<boost::json::value>{value} : std::nullopt;
}

} // namespace

std::string_view Element::kind_name() const {
    switch (kind) {
    case Kind::scalar: return "a text";
    case Kind::list: return "a list";
    case Kind::map: return "a map";
    case Kind::null: break;
    }
    return "nothing";
}

Document read_yaml(std::string_view text) {
    if (auto problem = text_problem(text))
        return {nullptr, {std::move(*problem)}};
    Builder builder{text};
    try {
        std::istringstream stream{std::string{text} + '\n'};
        YAML::Parser parser{stream};
        while (parser.HandleNextDocument(builder)) {
        }
    } catch (Problem& problem) {
        builder.problems.push_back(std::move(problem));
        return {nullptr, std::move(builder.problems)};
    } catch (const YAML::ParserException& error) {
        auto tabs = tab_problems(text, error.mark.line + 1);
        auto& problems = builder.problems;
        problems.insert(problems.end(), tabs.begin(), tabs.end());
        if (tabs.empty())
            problems.push_back(problem_of(error, builder));
        return {nullptr, std::move(problems)};
    }
    return {std::move(builder.root), std::move(builder.problems)};
}

std::optional<boost::json::value> core_value(std::string_view text) {
    static const std::map<std::string_view, boost::json::value> names{
        {"", nullptr},     {"~", nullptr},   {"null", nullptr}, {"Null", nullptr},
        {"NULL", nullptr}, {"true", true},   {"True", true},    {"TRUE", true},
        {"false", false},  {"False", false}, {"FALSE", false}};
    if (const auto found = names.find(text); found != names.end())
        return found->second;
    auto rest = text;
    if (take_prefix(rest, "0x") && only_has(rest, "0123456789abcdefABCDEF")) {
        const auto value = whole<std::uint64_t>(rest, 16);
        return value ? std::optional<boost::json::value>{*value} : std::nullopt;
    }
    rest = text;
    if (take_prefix(rest, "0o") && only_has(rest, "01234567")) {
        const auto value = whole<std::uint64_t>(rest, 8);
        return value ? std::optional<boost::json::value>{*value} : std::nullopt;
    }
    rest = text;
    const bool negative = take_prefix(rest, "-");
    if (!negative)
        take_prefix(rest, "+");
    if (is_decimal(rest))
        return number(negative, rest);
    const bool infinite = rest == ".inf" || rest == ".Inf" || rest == ".INF";
    if (infinite || text == ".nan" || text == ".NaN" || text == ".NAN")
        return {};
    return boost::json::value(text); // braces would make a list
}

} // namespace fluxctl::flow
