// SPDX-License-Identifier: MIT
#include <fluxmq/subject.hpp>

#include <gmock/gmock.h>
#include <inproc/subject_tree.hpp>

#include <random>

namespace fluxmq::inproc {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::UnorderedElementsAreArray;

std::vector<int> found(const SubjectTree<int>& tree, std::string_view subject) {
    std::vector<int> values;
    tree.match(subject, [&](int value) { values.push_back(value); });
    return values;
}

TEST(SubjectTree, gives_the_exact_ones_first) {
    SubjectTree<int> tree;
    tree.insert(">", 4);
    tree.insert("a.>", 3);
    tree.insert("a.*", 2);
    tree.insert("a.b", 1);
    EXPECT_THAT(found(tree, "a.b"), ElementsAre(1, 2, 3, 4));
    EXPECT_THAT(found(tree, "a"), ElementsAre(4));
    EXPECT_THAT(found(tree, "a.c"), ElementsAre(2, 3, 4));
}

TEST(SubjectTree, keeps_values_of_one_pattern_in_their_order_and_erases_one_at_a_time) {
    SubjectTree<int> tree;
    for (const int value : {1, 2, 3, 2})
        tree.insert("a", value);
    EXPECT_THAT(found(tree, "a"), ElementsAre(1, 2, 3, 2));
    tree.erase("a", 2);
    EXPECT_THAT(found(tree, "a"), ElementsAre(1, 3, 2));
}

TEST(SubjectTree, erasing_leaves_longer_and_shorter_patterns_alone) {
    SubjectTree<int> tree;
    tree.insert("a", 1);
    tree.insert("a.b", 2);
    tree.insert("a.b.c", 3);
    tree.erase("a.b", 2);
    EXPECT_THAT(found(tree, "a"), ElementsAre(1));
    EXPECT_THAT(found(tree, "a.b"), IsEmpty());
    EXPECT_THAT(found(tree, "a.b.c"), ElementsAre(3));
}

TEST(SubjectTree, erasing_what_is_not_there_does_nothing) {
    SubjectTree<int> tree;
    tree.insert("a.b", 1);
    tree.erase("a.b", 2);
    tree.erase("a", 1);
    tree.erase("a.b.c", 1);
    tree.erase("x", 1);
    EXPECT_THAT(found(tree, "a.b"), ElementsAre(1));
}

TEST(SubjectTree, agrees_with_the_plain_matcher) {
    std::mt19937 random{7};
    const auto made_of = [&](std::vector<std::string> tokens, bool pattern) {
        std::string subject;
        const auto count = 1 + random() % 4;
        for (std::size_t i = 0; i < count; ++i)
            subject += (i ? "." : "") + tokens[random() % tokens.size()];
        if (pattern && random() % 3 == 0)
            subject += ".>";
        return subject;
    };
    std::vector<std::string> patterns;
    SubjectTree<int> tree;
    for (int i = 0; i < 300; ++i) {
        patterns.push_back(made_of({"a", "b", "*"}, true));
        tree.insert(patterns.back(), i);
    }
    for (int i = 0; i < 300; i += 3)
        tree.erase(patterns[static_cast<std::size_t>(i)], i);
    for (int n = 0; n < 300; ++n) {
        const auto subject = made_of({"a", "b", "c"}, false);
        std::vector<int> expected;
        for (int i = 0; i < 300; ++i)
            if (i % 3 != 0 && matches(patterns[static_cast<std::size_t>(i)], subject))
                expected.push_back(i);
        EXPECT_THAT(found(tree, subject), UnorderedElementsAreArray(expected)) << subject;
    }
}

} // namespace
} // namespace fluxmq::inproc
