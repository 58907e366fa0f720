// SPDX-License-Identifier: MIT
#include "http_settings.hpp"
#include "stock_node.hpp"

#include <boost/describe/class.hpp>

namespace flux_stock {

struct HttpGetSettings {
    std::string url;
    std::map<std::string, std::string> headers;
    std::int64_t interval = 10'000; ///< ms
    std::int64_t timeout = 10'000;  ///< ms
    std::int64_t max_body = 1 << 20;

    void check() const {
        check_http(*this);
        check_milliseconds("interval", interval);
    }
};
BOOST_DESCRIBE_STRUCT(HttpGetSettings, (), (url, headers, interval, timeout, max_body))

/// Fetches a page at its interval and publishes its body. A failure is reported, and the next time comes.
class HttpGet : public StockNode<HttpGetSettings> {
public:
    HttpGet(Service& service, const DataNode& data)
        : StockNode{service, data, {.output = "out"}, &HttpGetSettings::interval} {}

protected:
    Task<> on_tick(const fluxlib::Tick&) override {
        auto request = http_request(set());
        const auto body = co_await send_http(std::move(request));
        send(body);
    }
};

FLUX_REGISTER_NODE(HttpGet, "http-get");

} // namespace flux_stock
