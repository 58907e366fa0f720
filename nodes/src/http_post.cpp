// SPDX-License-Identifier: MIT
#include "http_settings.hpp"
#include "stock_node.hpp"

#include <boost/describe/class.hpp>

namespace flux_stock {

struct HttpPostSettings {
    std::string url;
    std::map<std::string, std::string> headers;
    std::string content_type = "application/json";
    std::int64_t timeout = 10'000; ///< ms
    std::int64_t max_body = 1 << 20;

    void check() const {
        check_http(*this);
        check_line("content_type", content_type);
    }
};
BOOST_DESCRIBE_STRUCT(HttpPostSettings, (), (url, headers, content_type, timeout, max_body))

/// Posts each message, one after the other, and publishes the bodies of the answers. What fails is reported and not
/// sent again.
class HttpPost : public StockNode<HttpPostSettings> {
public:
    HttpPost(Service& service, const DataNode& data)
        : StockNode{service, data, {.input = "in", .output = "out"}} {}

protected:
    Task<> on_input(Message message) override {
        auto request = http_request(set());
        request.headers.emplace("Content-Type", set().content_type);
        request.post = true;
        request.body = message.text();
        const auto body = co_await send_http(std::move(request));
        send(body);
    }
};

FLUX_REGISTER_NODE(HttpPost, "http-post");

} // namespace flux_stock
