// SPDX-License-Identifier: MIT
#include "settings.hpp"

#include "format.hpp"

#include <CLI/CLI.hpp>

#include <string_view>

namespace fluxctl {

namespace json = boost::json;

namespace {

[[noreturn]] void refuse(const std::string& pair, const std::string& why) {
    throw CLI::ValidationError("'" + pair + "' " + why);
}

json::value value_of(std::string_view text) {
    if (auto value = parsed_json(text))
        return *std::move(value);
    return json::string{text};
}

} // namespace

json::object settings_of(const std::vector<std::string>& pairs) {
    json::object settings;
    for (const auto& pair : pairs) {
        const auto equals = pair.find('=');
        if (equals == std::string::npos)
            refuse(pair, "has no =: say KEY=VALUE");
        std::string_view path{pair.data(), equals};
        auto* object = &settings;
        for (;;) {
            const auto dot = path.find('.');
            const auto key = path.substr(0, dot);
            if (key.empty())
                refuse(pair, "has an empty key");
            auto& place = (*object)[key];
            if (dot == std::string_view::npos) {
                place = value_of(std::string_view{pair}.substr(equals + 1));
                break;
            }
            if (place.is_null())
                place.emplace_object();
            if (!place.is_object())
                refuse(pair, "goes into '" + std::string{key} + "', which an earlier pair made no object");
            object = &place.get_object();
            path.remove_prefix(dot + 1);
        }
    }
    return settings;
}

} // namespace fluxctl
