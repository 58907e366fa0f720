// SPDX-License-Identifier: MIT
#pragma once

#include "file_sink.hpp"
#include "stock_node.hpp"

#include <utility>

namespace flux_stock {

/// A node that adds a piece of text to a file for each message: `Settings` has `path` and `append`.
///
/// The file is opened at the start and holds all at the stop; meanwhile it is at most 100 ms behind.
template <class Settings>
class FileNode : public StockNode<Settings> {
public:
    FileNode(Service& service, const DataNode& data)
        : StockNode<Settings>{service, with_timer(data), {.input = "in"}} {}

protected:
    /// What comes first in a new file.
    virtual std::string head() const { return {}; }
    virtual std::string text_of(const Message& message) const = 0;

    Task<> on_start() override {
        const auto path = this->set().path;
        co_await file_.open(path, this->set().append);
        if (file_.is_new())
            static_cast<void>(file_.add(head()));
    }
    Task<> on_input(Message message) override {
        if (file_.add(text_of(message)))
            co_await file_.write();
    }
    Task<> on_tick(const fluxlib::Tick&) override { co_await file_.write(); }
    Task<> on_stop() override { co_await file_.close(); }

    void check_settings(const boost::json::object& wanted) const override {
        StockNode<Settings>::check_settings(wanted);
        if (const auto* path = wanted.if_contains("path");
            path && *path != boost::json::value(this->set().path))
            refuse("path", "cannot be changed while the node lives");
    }

private:
    static DataNode with_timer(DataNode data) {
        data.timer = fluxlib::DataTimer{fluxlib::TimerType::local, std::chrono::milliseconds{100}};
        return data;
    }

    FileSink file_;
};

} // namespace flux_stock
