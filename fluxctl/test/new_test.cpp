// SPDX-License-Identifier: MIT
// `fluxctl new`: names, refusals and what is written. fluxctl_template_test runs the test that it writes, and
// tests/install/run.sh builds such projects from outside.
#include "../../fluxlib/test/pages.hpp"
#include "flow/flow.hpp"
#include "program.hpp"
#include "project.hpp"

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <map>

namespace fluxctl {
namespace {

namespace fs = std::filesystem;
using test::fluxctl;
using ::testing::AllOf;
using ::testing::AnyOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

std::vector<std::string> paths_of(const std::vector<ProjectFile>& files) {
    std::vector<std::string> paths;
    for (const auto& file : files)
        paths.push_back(file.path);
    return paths;
}

TEST(Project, names_are_plain_words) {
    for (const auto* good : {"a", "my-camera", "v-2d", "sensor7"})
        EXPECT_EQ(name_problem(good), "") << good;
    for (const auto* bad : {"", "My-Camera", "my_camera", "my camera", "-a", "a-", "a--b", "7up", "../a",
                            "a/b", "gr\xc3\xbc\xc3\x9f", "a.b"})
        EXPECT_THAT(name_problem(bad), AllOf(HasSubstr("lower-case letters, digits and single hyphens"),
                                             HasSubstr("such as my-camera")))
            << bad;
    EXPECT_EQ(name_problem(std::string(64, 'a')), "");
    EXPECT_THAT(name_problem(std::string(65, 'a')), HasSubstr("at most 64"));
    EXPECT_THAT(name_problem("test"), HasSubstr("such as my-test"));
}

TEST(Project, types_are_named_after_it) {
    EXPECT_EQ(type_name("my-camera"), "MyCamera");
    EXPECT_EQ(type_name("a"), "A");
    EXPECT_EQ(type_name("v-2d"), "V2d");
}

TEST(Project, has_the_files_of_its_kind) {
    EXPECT_THAT(paths_of(project_files("service", "my-camera")),
                ElementsAre(".gitignore", "CMakeLists.txt", "README.md", "flow.yaml", "src/main.cpp",
                            "src/my_camera.hpp", "test/my_camera_test.cpp"));
    EXPECT_THAT(paths_of(project_files("node", "my-camera")),
                ElementsAre(".gitignore", "CMakeLists.txt", "README.md", "flow.yaml", "src/my_camera.hpp",
                            "src/plugin.cpp", "test/my_camera_test.cpp"));
}

TEST(Project, nothing_of_the_name_of_the_templates_is_left) {
    for (const auto* kind : {"service", "node"})
        for (const auto& [path, text] : project_files(kind, "my-camera")) {
            auto lower = path + text;
            std::transform(lower.begin(), lower.end(), lower.begin(),
                           [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
            EXPECT_THAT(lower,
                        Not(AnyOf(HasSubstr("my-counter"), HasSubstr("my_counter"), HasSubstr("mycounter"))))
                << path;
        }
}

TEST(Project, of_the_name_of_the_templates_it_is_what_they_are) {
    for (const auto* kind : {"service", "node"})
        for (const auto& [path, text] : project_files(kind, "my-counter")) {
            const auto own = "fluxctl/templates/" + std::string{kind} + '/' + path;
            const auto common = "fluxctl/templates/common/" + path;
            EXPECT_EQ(text, fluxlib::test::read_file(
                                fs::exists(fluxlib::test::project_root() / own) ? own : common));
        }
}

TEST(Project, its_readme_has_the_commands_that_come_next) {
    for (const auto* kind : {"service", "node"}) {
        const auto files = project_files(kind, "my-camera");
        const auto readme = std::find_if(files.begin(), files.end(),
                                         [](const ProjectFile& file) { return file.path == "README.md"; });
        ASSERT_NE(readme, files.end());
        for (const auto& command : next_commands(kind, "my-camera"))
            EXPECT_THAT(readme->text, HasSubstr('\n' + command + '\n'));
    }
}

TEST(Project, its_flow_file_has_no_mistakes) {
    for (const auto* kind : {"service", "node"})
        for (const auto& [path, text] : project_files(kind, "my-camera"))
            if (path == "flow.yaml")
                for (const auto& problem : flow::parse(text).problems)
                    ADD_FAILURE() << kind << ": " << problem.text(path);
}

class NewTest : public ::testing::Test {
protected:
    NewTest() { fs::create_directories(folder_); }
    ~NewTest() override { fs::remove_all(folder_); }

    /// Within a folder of this test.
    test::Result run(const std::string& arguments) const {
        return test::shell("cd " + folder_.string() + " && " FLUXCTL " " + arguments);
    }
    std::map<std::string, std::string> files_in(const std::string& directory) const {
        std::map<std::string, std::string> files;
        for (const auto& entry : fs::recursive_directory_iterator{folder_ / directory})
            if (entry.is_regular_file()) {
                std::ifstream file{entry.path()};
                files[fs::relative(entry.path(), folder_ / directory).string()] = {
                    std::istreambuf_iterator<char>{file}, {}};
            }
        return files;
    }

    const fs::path folder_ = fs::temp_directory_path() / ("fluxctl_new_" + std::to_string(getpid()));
};

TEST_F(NewTest, writes_a_project_and_says_what_comes_next) {
    for (const std::string kind : {"service", "node"}) {
        const auto name = "my-" + kind;
        const auto made = run("new " + kind + ' ' + name);
        EXPECT_EQ(made.code, 0) << made.output;
        std::map<std::string, std::string> expected;
        for (auto& [path, text] : project_files(kind, name)) {
            EXPECT_THAT(made.output, HasSubstr("\n  " + path + '\n'));
            expected.emplace(path, text);
        }
        EXPECT_EQ(files_in(name), expected);
        EXPECT_THAT(made.output, AllOf(HasSubstr("Written to " + name), HasSubstr("\n  cd " + name + '\n')));
        for (const auto& command : next_commands(kind, name))
            EXPECT_THAT(made.output, HasSubstr("\n  " + command + '\n'));
    }
}

TEST_F(NewTest, writes_where_it_is_told_and_tells_scripts_what) {
    fs::create_directories(folder_ / "empty");
    const auto made = run("new node my-camera --json --directory empty");
    EXPECT_EQ(made.code, 0) << made.output;
    const auto said = boost::json::parse(made.output).as_object();
    EXPECT_EQ(said.at("kind"), "node");
    EXPECT_EQ(said.at("name"), "my-camera");
    EXPECT_EQ(said.at("directory"), "empty");
    EXPECT_EQ(said.at("files").as_array().size(), files_in("empty").size());
    EXPECT_EQ(said.at("next").as_array().back(), "fluxctl run flow.yaml");
    EXPECT_EQ(run("new node my-camera --directory not/yet/there").code, 0);
    EXPECT_THAT(files_in("not/yet/there"), Not(IsEmpty()));
}

TEST_F(NewTest, overwrites_nothing) {
    fs::create_directories(folder_ / "full");
    std::ofstream{folder_ / "full" / "mine"} << "my text";
    const auto full = run("new node full");
    EXPECT_EQ(full.code, 2);
    EXPECT_THAT(full.output, AllOf(HasSubstr("'full' is not empty"), HasSubstr("--directory")));
    EXPECT_THAT(files_in("full"), ElementsAre(std::pair{"mine", "my text"}));
    const auto file = run("new node my-camera -d full/mine");
    EXPECT_EQ(file.code, 2);
    EXPECT_THAT(file.output, HasSubstr("'full/mine' is a file"));
}

TEST_F(NewTest, says_what_is_wrong_with_the_command_line) {
    const auto name = run("new node 'My Camera'");
    EXPECT_EQ(name.code, 2);
    EXPECT_THAT(name.output, HasSubstr("'My Camera' cannot be a name: take lower-case letters"));
    const auto kind = run("new nod my-camera");
    EXPECT_EQ(kind.code, 2);
    EXPECT_THAT(kind.output, AllOf(HasSubstr("nod"), HasSubstr("service"), HasSubstr("node")));
    EXPECT_EQ(run("new node").code, 2);
    EXPECT_EQ(run("new").code, 2);
    EXPECT_TRUE(fs::is_empty(folder_));
}

TEST_F(NewTest, a_folder_that_cannot_be_written_is_named) {
    const auto made = run("new node my-camera --directory /proc/nowhere");
    EXPECT_EQ(made.code, 1);
    EXPECT_THAT(made.output, AllOf(HasSubstr("/proc/nowhere"), HasSubstr("No such file")));
}

} // namespace
} // namespace fluxctl
