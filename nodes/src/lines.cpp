// SPDX-License-Identifier: MIT
#include "line_reader.hpp"
#include "stock_node.hpp"

#include <boost/describe/class.hpp>

namespace flux_stock {

struct LinesSettings {
    std::string path = "-";     ///< standard input
    bool repeat = false;        ///< from the beginning again at the end, without end
    std::int64_t interval = 10; ///< ms between two batches
    std::int64_t batch = 1000;  ///< lines at most

    void check() const {
        check_milliseconds("interval", interval);
        if (path.empty())
            refuse("path", "is empty: say which file to read, or - for standard input");
        if (batch < 1 || batch > 100'000)
            refuse("batch", "is " + std::to_string(batch) + ", and must be between 1 and 100000");
        if (repeat && path == "-")
            refuse("repeat", "is not possible with standard input");
    }
};
BOOST_DESCRIBE_STRUCT(LinesSettings, (), (path, repeat, interval, batch))

/// Publishes the lines of a file, some at each tick, and stops at its end.
class Lines : public StockNode<LinesSettings> {
public:
    Lines(Service& service, const DataNode& data)
        : StockNode{service, data, {.output = "out"}, &LinesSettings::interval} {}

protected:
    Task<> on_start() override {
        path_ = set().path;
        return open();
    }

    Task<> on_tick(const fluxlib::Tick&) override {
        const auto work = [this, most = static_cast<std::size_t>(set().batch)] { return reader_.read(most); };
        const auto batch = co_await fluxlib::offload(std::cref(work));
        for (std::size_t i = 0; i < batch.lines.size(); ++i) {
            send(batch.lines[i]);
            if ((i + 1) % lines_per_flush == 0 || i + 1 == batch.lines.size())
                co_await service().transport().flush(); // not faster than they are taken
        }
        if (batch.too_long > 0)
            logger().warn("{}: left out {} lines of more than {} bytes", path_, batch.too_long,
                          LineReader::longest_line);
        if (batch.at_end && set().repeat)
            co_await open();
        else if (batch.at_end)
            co_await stop();
    }

    Task<> on_stop() override {
        reader_.close();
        co_return;
    }

private:
    static constexpr std::size_t lines_per_flush = 1000;

    Task<> open() {
        const auto work = [this] { reader_.open(path_); };
        co_await fluxlib::offload(std::cref(work));
    }

    LineReader reader_;
    std::string path_; // of this run
};

FLUX_REGISTER_NODE(Lines, "lines");

} // namespace flux_stock
