// SPDX-License-Identifier: MIT
#include "server_address.hpp"

namespace fluxctl {

ServerAddress first_server(std::string_view url) {
    url = url.substr(0, url.find(','));
    if (const auto scheme = url.find("://"); scheme != std::string_view::npos)
        url.remove_prefix(scheme + 3);
    if (const auto at = url.rfind('@'); at != std::string_view::npos)
        url.remove_prefix(at + 1);
    url = url.substr(0, url.find('/'));
    const auto bracket = url.starts_with('[') ? url.find(']') : std::string_view::npos; // IPv6
    const auto colon = url.find(':', bracket == std::string_view::npos ? 0 : bracket);
    const auto host = bracket == std::string_view::npos ? url.substr(0, colon) : url.substr(1, bracket - 1);
    const auto port = colon == std::string_view::npos ? std::string_view{} : url.substr(colon + 1);
    return {std::string{host}, port.empty() ? "4222" : std::string{port}};
}

} // namespace fluxctl
