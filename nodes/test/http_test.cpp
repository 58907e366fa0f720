// SPDX-License-Identifier: MIT
#include "http.hpp"
#include "stock.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace flux_stock {
namespace {

namespace asio = boost::asio;
namespace http = boost::beast::http;
using asio::use_awaitable;
using boost::json::object;
using fluxlib::Task;
using test::Peer;
using test::refusal;
using test::Stock;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

/// A server on a free port of the loopback: /page says "hello", /large much, /silent nothing; POST gives the body back.
class Server {
public:
    explicit Server(const asio::any_io_executor& executor)
        : acceptor_{executor, {asio::ip::address_v4::loopback(), 0}} {
        asio::co_spawn(executor, accept(), asio::detached);
    }

    std::string url(const std::string& target) const {
        return "http://127.0.0.1:" + std::to_string(acceptor_.local_endpoint().port()) + target;
    }

    std::vector<std::string> seen; // requests: method, target, a header

private:
    Task<> accept() {
        for (;;) {
            auto socket = co_await acceptor_.async_accept(use_awaitable);
            asio::co_spawn(acceptor_.get_executor(), serve(std::move(socket)), asio::detached);
        }
    }

    Task<> serve(asio::ip::tcp::socket socket) {
        boost::beast::flat_buffer buffer;
        http::request<http::string_body> request;
        co_await http::async_read(socket, buffer, request, use_awaitable);
        const std::string target{request.target()};
        seen.push_back(std::string{request.method_string()} + ' ' + target + ' ' +
                       std::string{request["X-Key"]} + std::string{request[http::field::content_type]});
        if (target == "/silent") {
            silent_.push_back(std::move(socket));
            co_return;
        }
        http::response<http::string_body> answer{http::status::ok, 11};
        if (request.method() == http::verb::post)
            answer.body() = "got " + request.body();
        else if (target == "/page")
            answer.body() = "hello";
        else if (target == "/large")
            answer.body() = std::string(5000, 'x');
        else
            answer.result(http::status::not_found);
        answer.prepare_payload();
        co_await http::async_write(socket, answer, use_awaitable);
    }

    asio::ip::tcp::acceptor acceptor_;
    std::vector<asio::ip::tcp::socket> silent_;
};

/// With a server on the event loop of the test.
void run(Task<> (*test)(Server&)) {
    const auto with_server = [](Task<> (*body)(Server&)) -> Task<> {
        Server server{co_await asio::this_coro::executor};
        co_await body(server);
    };
    ASSERT_EQ(fluxlib::run(with_server(test)), 0);
}

Task<std::string> failure_of(HttpRequest request) {
    try {
        co_await send_http(std::move(request));
    } catch (const fluxmq::Error& error) {
        co_return error.what();
    }
    co_return "nothing was thrown";
}

TEST(Http, get_publishes_what_it_fetches) {
    run([](Server& server) -> Task<> {
        Stock stock;
        object headers{{"X-Key", "secret"}};
        stock.add("http-get", object{{"url", server.url("/page")}, {"interval", 5}, {"headers", headers}}, "",
                  "out");
        Peer peer;
        co_await peer.open(stock.bus, "out");
        co_await stock.service.run();
        const auto first = co_await peer.next();
        const auto second = co_await peer.next();
        EXPECT_EQ(first + second, "hellohello");
        EXPECT_EQ(server.seen.front(), "GET /page secret");
        co_await stock.end();
    });
}

TEST(Http, post_sends_each_message_and_publishes_the_answer) {
    run([](Server& server) -> Task<> {
        Stock stock;
        stock.add("http-post", object{{"url", server.url("/sink?x=1")}}, "in", "out");
        Peer peer;
        co_await peer.open(stock.bus, "out");
        co_await stock.service.run();
        peer.transport->publish("in", "1");
        peer.transport->publish("in", "2");
        const auto first = co_await peer.next();
        const auto second = co_await peer.next();
        EXPECT_EQ(first, "got 1");
        EXPECT_EQ(second, "got 2");
        EXPECT_THAT(server.seen,
                    ElementsAre("POST /sink?x=1 application/json", "POST /sink?x=1 application/json"));
        co_await stock.end();
    });
}

TEST(Http, what_goes_wrong_is_reported_and_the_node_goes_on) {
    run([](Server& server) -> Task<> {
        Stock stock;
        auto& node = stock.add("http-post", object{{"url", "http://127.0.0.1:1/"}}, "in", "out");
        Peer peer;
        co_await peer.open(stock.bus, "service.stock.error");
        co_await stock.service.run();
        peer.transport->publish("in", "1");
        const auto error = co_await peer.next();
        EXPECT_THAT(error, AllOf(HasSubstr("POST http://127.0.0.1:1/"), HasSubstr("refused")));
        EXPECT_EQ(node.lifecycle(), fluxlib::NodeState::started);
        EXPECT_TRUE(server.seen.empty());
        co_await stock.end();
    });
}

TEST(Http, each_failure_has_its_words) {
    run([](Server& server) -> Task<> {
        HttpRequest request;
        request.url = parse_url(server.url("/lost"));
        const auto lost = co_await failure_of(request);
        EXPECT_THAT(lost, AllOf(HasSubstr("GET http://127.0.0.1"), HasSubstr("404 Not Found")));
        request.url = parse_url(server.url("/large"));
        request.max_body = 1000;
        const auto large = co_await failure_of(request);
        EXPECT_THAT(large, HasSubstr("more than 1000 bytes"));
        request.url = parse_url(server.url("/silent"));
        request.timeout = std::chrono::milliseconds{20};
        const auto silent = co_await failure_of(request);
        EXPECT_THAT(silent, HasSubstr("no answer within 20 ms"));
        request.url = parse_url(server.url("/page"));
        request.url.secure = true; // the server does not speak TLS
        request.timeout = std::chrono::seconds{10};
        const auto plain = co_await failure_of(request);
        EXPECT_THAT(plain, HasSubstr("tls failed"));
    });
}

TEST(Http, urls_in_parts) {
    const auto parts = [](const char* text) {
        const auto url = parse_url(text);
        return url.host + " " + url.port + " " + url.target + (url.secure ? " secure" : "");
    };
    EXPECT_EQ(parts("http://a"), "a 80 /");
    EXPECT_EQ(parts("https://a.b:8443/c/d?e=f#g"), "a.b 8443 /c/d?e=f secure");
    EXPECT_EQ(parts("http://a?x"), "a 80 /?x");
    EXPECT_EQ(parts("http://[::1]:80/x"), "::1 80 /x");
    EXPECT_EQ(parts("http://[::1]/x"), "::1 80 /x");
    for (const auto* const bad :
         {"", "a", "ftp://a", "http://", "http://:80", "http://a:0", "http://a:99999", "http://a:x",
          "http://u:p@a", "http://a b", "http://[::1", "http://[]", "http://a\r\nX: y"})
        EXPECT_THROW(parse_url(bad), fluxmq::Error) << bad;
}

TEST(Http, wrong_settings_are_refused_by_name) {
    struct Case {
        const char* type;
        const char* settings;
        const char* complaint;
    };
    const Case cases[] = {
        {"http-get", "{}", "'url' is missing"},
        {"http-get", R"({"url": "ftp://a"})", "'url' is wrong: 'ftp://a' does not begin with http://"},
        {"http-get", R"({"url": "http://a", "interval": 0})", "'interval'"},
        {"http-get", R"({"url": "http://a", "timeout": 0})", "'timeout'"},
        {"http-get", R"({"url": "http://a", "max_body": 0})", "'max_body'"},
        {"http-get", R"({"url": "http://a", "headers": {"a b": "c"}})", "'a b'"},
        {"http-post", R"({"url": "http://a", "headers": {"a": "c\r\nd: e"}})", "'headers.a'"},
        {"http-post", R"({"url": "http://a", "content_type": "x\n"})", "'content_type'"},
        {"http-post", R"({"url": "http://a", "interval": 5})", "'interval' is not known"},
    };
    for (const auto& [type, settings, complaint] : cases)
        EXPECT_THAT(refusal(type, settings), HasSubstr(complaint)) << type << ' ' << settings;
}

} // namespace
} // namespace flux_stock
