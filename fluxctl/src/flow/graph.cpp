// SPDX-License-Identifier: MIT
#include "flow/graph.hpp"

#include <map>
#include <set>

namespace fluxctl::flow {

namespace {

// What both languages draw. The names are made up, as ids may be words of theirs.
struct Picture {
    struct Box {
        std::string name;
        std::string title;
        std::string type;
    };
    struct Group {
        std::string title;
        std::vector<Box> boxes;
    };
    struct Arrow {
        std::string from;
        std::string to;
        std::string label;
    };

    std::vector<Group> groups;
    std::vector<Box> topics;
    std::vector<Arrow> arrows;
};

class Painter {
public:
    explicit Painter(const Flow& flow) {
        for (const auto& edge : flow.edges)
            edge_topics_.insert(topic_of(flow, edge.from));
        for (const auto& service : flow.services) {
            auto& group = picture_.groups.emplace_back(Picture::Group{service.id, {}});
            for (const auto& node : service.nodes) {
                const auto name = "n" + std::to_string(names_.size());
                names_.emplace(node.id, name);
                group.boxes.push_back(
                    {name, node.name.empty() ? node.id : node.name + " (" + node.id + ")", node.type});
            }
        }
        for (const auto& [from, to] : flow.edges)
            picture_.arrows.push_back({names_.at(from.node), names_.at(to.node),
                                       from.alias == to.alias ? to.alias : from.alias + " → " + to.alias});
        for (const auto& service : flow.services)
            for (const auto& node : service.nodes)
                add_topics_of(node);
    }

    const Picture& picture() const noexcept { return picture_; }

private:
    void add_topics_of(const fluxlib::DataNode& node) {
        for (const auto& input : node.inputs)
            for (const auto& topic : input.topics)
                if (!edge_topics_.contains(topic))
                    picture_.arrows.push_back({topic_box(topic), names_.at(node.id), input.alias});
        for (const auto& output : node.outputs)
            for (const auto& topic : output.topics)
                if (!edge_topics_.contains(topic))
                    picture_.arrows.push_back({names_.at(node.id), topic_box(topic), output.alias});
    }

    const std::string& topic_box(const std::string& topic) {
        const auto [found, is_new] = topic_names_.emplace(topic, "t" + std::to_string(topic_names_.size()));
        if (is_new)
            picture_.topics.push_back({found->second, topic, ""});
        return found->second;
    }

    Picture picture_;
    std::set<std::string> edge_topics_;
    std::map<std::string, std::string> names_;
    std::map<std::string, std::string> topic_names_;
};

// In quotes, with what the language reads otherwise replaced.
std::string quoted(std::string_view text, const std::map<char, std::string>& escapes) {
    std::string result = "\"";
    for (const char c : text) {
        const auto escape = escapes.find(c);
        if (escape != escapes.end())
            result += escape->second;
        else
            result += static_cast<unsigned char>(c) < 0x20 ? ' ' : c;
    }
    return result + '"';
}

std::string mermaid_text(std::string_view text) {
    return quoted(
        text, {{'"', "#quot;"}, {'#', "#35;"}, {'<', "#lt;"}, {'>', "#gt;"}, {'`', "#96;"}, {'&', "#amp;"}});
}

std::string dot_text(std::string_view text) { return quoted(text, {{'"', "\\\""}, {'\\', "\\\\"}}); }

std::string titled(const Picture::Box& box) {
    return box.title + (box.type == box.title ? "" : ": " + box.type);
}

} // namespace

std::string to_mermaid(const Flow& flow) {
    const Painter painter{flow};
    const auto& picture = painter.picture();
    std::string text = "flowchart LR\n";
    for (const auto& group : picture.groups) {
        text += "    subgraph s" + std::to_string(&group - picture.groups.data()) + "[" +
                mermaid_text(group.title) + "]\n";
        for (const auto& box : group.boxes)
            text += "        " + box.name + "[" + mermaid_text(titled(box)) + "]\n";
        text += "    end\n";
    }
    for (const auto& topic : picture.topics)
        text += "    " + topic.name + "([" + mermaid_text(topic.title) + "])\n";
    for (const auto& arrow : picture.arrows)
        text += "    " + arrow.from + " -->|" + mermaid_text(arrow.label) + "| " + arrow.to + '\n';
    return text;
}

std::string to_dot(const Flow& flow) {
    const Painter painter{flow};
    const auto& picture = painter.picture();
    std::string text = "digraph " + dot_text(flow.name) + " {\n    rankdir=LR\n    node [shape=box]\n";
    for (const auto& group : picture.groups) {
        text += "    subgraph cluster_" + std::to_string(&group - picture.groups.data()) +
                " {\n        label=" + dot_text(group.title) + '\n';
        for (const auto& box : group.boxes)
            text += "        " + box.name + " [label=" + dot_text(titled(box)) + "]\n";
        text += "    }\n";
    }
    for (const auto& topic : picture.topics)
        text += "    " + topic.name + " [shape=ellipse label=" + dot_text(topic.title) + "]\n";
    for (const auto& arrow : picture.arrows)
        text += "    " + arrow.from + " -> " + arrow.to + " [label=" + dot_text(arrow.label) + "]\n";
    return text + "}\n";
}

} // namespace fluxctl::flow
