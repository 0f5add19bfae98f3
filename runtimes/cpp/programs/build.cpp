// Builds a program of C++ files for its entry: what a run's compile phase is.
//
// usage: kernelgw-build-cpp ENTRY          in the project's folder; makes /tmp/.kernelgw-cpp/program
//
// What is linked: the entry; and, for every header of the project that a linked file includes, directly or not, the
// source file of the same name that lies beside the header or includes it. A file that the entry doesn't need is not read by the
// compiler, and can't break it. Options come as variables:
//   KGW_CPP_SOURCES=all     every source file of the project instead
//   KGW_CPP_STD             a standard as g++ knows it (c++20)
//   KGW_CPP_OPTIMIZE        what follows -O (0)
#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <filesystem>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <sys/wait.h>
#include <unistd.h>
#include <vector>

#include "scan.hpp"

namespace fs = std::filesystem;
using std::string;
using std::vector;

namespace
{

const char *const out_folder = "/tmp/.kernelgw-cpp";
const char *const headers_folder = "/usr/local/lib/kernelgw/cpp/gch";
const char *const console = "/usr/local/lib/kernelgw/cpp/console.o"; // linked/console.cpp
constexpr size_t jobs_max = 2;

[[noreturn]] void fail(const string &text)
{
    fprintf(stderr, "%s\n", text.c_str());
    exit(1);
}

string variable(const char *name, const char *otherwise)
{
    auto value = getenv(name);
    return value && *value ? value : otherwise;
}

// A path that no program takes for an option, or for a file of options.
string as_file(const string &path)
{
    return path[0] == '-' || path[0] == '@' ? "./" + path : path;
}

struct settings {
    string standard = variable("KGW_CPP_STD", "c++20");
    string optimize = variable("KGW_CPP_OPTIMIZE", "0");
    bool all = variable("KGW_CPP_SOURCES", "needed") == "all";

    // Precompiled headers hold for the settings that they were made with.
    bool are_usual() const
    {
        return standard == "c++20" && optimize == "0";
    }
};

vector<string> compiler(const settings &s)
{
    vector<string> argv = {"g++-12", "-std=" + s.standard, "-O" + s.optimize, "-Wall", "-pthread",
                           "-fdiagnostics-color=never", "-I."};
    for (auto folder : {"include", "src"})
        if (fs::is_directory(folder))
            argv.push_back(string("-I") + folder);
    return argv;
}

struct job {
    string source, object;
    bool greedy = false; // needs memory for two
    vector<string> argv;
    pid_t pid = 0;
    FILE *said = nullptr;
    int status = -1;
};

void start(job &j)
{
    j.said = tmpfile();
    if (!j.said)
        fail(string("can't make a file in /tmp: ") + strerror(errno));
    vector<char *> argv;
    for (auto &a : j.argv)
        argv.push_back(a.data());
    argv.push_back(nullptr);
    j.pid = fork();
    if (j.pid < 0)
        fail(string("can't start the compiler: ") + strerror(errno));
    if (j.pid == 0) {
        dup2(fileno(j.said), STDOUT_FILENO);
        dup2(fileno(j.said), STDERR_FILENO);
        execvp(argv[0], argv.data());
        _exit(127);
    }
}

string text_of(FILE *file)
{
    string text;
    char chunk[8192];
    rewind(file);
    for (size_t n; (n = fread(chunk, 1, sizeof chunk, file)) > 0;)
        text.append(chunk, n);
    return text;
}

// Runs the jobs, two at once where they leave each other enough memory; messages come in the jobs' order. Returns
// the first status that isn't 0.
int run_all(vector<job> &jobs)
{
    size_t next = 0, running = 0, told = 0;
    bool alone = false;
    int result = 0;
    while (told < jobs.size()) {
        while (next < jobs.size() && running < jobs_max && !alone && (running == 0 || !jobs[next].greedy)) {
            alone = jobs[next].greedy;
            start(jobs[next++]);
            running++;
        }
        int status = 0;
        auto pid = wait(&status);
        if (pid < 0 && errno == EINTR)
            continue;
        auto done = std::find_if(jobs.begin(), jobs.end(), [&](auto &j) { return j.pid == pid; });
        if (done == jobs.end())
            continue;
        done->status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
        running--;
        alone = alone && !done->greedy;
        for (; told < jobs.size() && jobs[told].status >= 0; told++) {
            fputs(text_of(jobs[told].said).c_str(), stderr);
            if (jobs[told].status != 0 && result == 0)
                result = jobs[told].status;
        }
    }
    return result;
}

// One that is included first, before anything that it could be told apart by.
void add_precompiled(vector<string> &argv, const source &s, const settings &set)
{
    if (!set.are_usual())
        return;
    for (auto name : {"bits/stdc++.h", "iostream"})
        if (std::find(s.leading.begin(), s.leading.end(), name) != s.leading.end()) {
            argv.insert(argv.end(), {string("-I") + headers_folder, "-include", name});
            return;
        }
}

bool is_greedy(const source &s, const vector<string> &argv)
{
    return s.system.count("bits/stdc++.h") && std::find(argv.begin(), argv.end(), "-include") == argv.end();
}

void explain(const vector<string> &sources, const settings &set)
{
    string list;
    for (size_t i = 0; i < sources.size(); i++)
        list += (i ? ", " : "") + sources[i];
    fprintf(stderr, "linked: %s\n", list.c_str());
    if (set.all)
        fputs("(the option sources is \"all\": every source file of the project)\n", stderr);
    else
        fputs("(the entry, and each source file named like a header that these include; "
              "the option sources = \"all\" links every source file)\n", stderr);
}

} // namespace

int main(int argc, char **argv)
{
    if (argc != 2)
        fail("usage: kernelgw-build-cpp ENTRY");
    settings set;
    std::error_code ignored;
    fs::remove_all(out_folder, ignored);
    if (!fs::create_directory(out_folder, ignored))
        fail(string("can't make ") + out_folder + ": " + ignored.message());
    string entry = fs::path(argv[1]).lexically_normal();
    if (!fs::is_regular_file(entry))
        fail("there is no file " + entry);
    project files;
    auto sources = set.all ? files.all_sources(entry) : files.needed_by(entry);

    string program = string(out_folder) + "/program";
    vector<job> jobs;
    for (auto &path : sources) {
        job j;
        j.source = path;
        j.object = string(out_folder) + "/" + std::to_string(jobs.size()) + ".o";
        j.argv = compiler(set);
        auto &s = files.at(path);
        add_precompiled(j.argv, s, set);
        j.greedy = is_greedy(s, j.argv);
        j.argv.insert(j.argv.end(), {"-x", "c++", "-c", "-o", j.object, as_file(path)});
        jobs.push_back(std::move(j));
    }
    if (int rc = run_all(jobs))
        return rc;

    job link;
    link.argv = {"g++-12", "-fuse-ld=mold", "-pthread", "-fdiagnostics-color=never", "-o", program, console};
    for (auto &j : jobs)
        link.argv.push_back(j.object);
    vector<job> last;
    last.push_back(std::move(link));
    start(last[0]);
    int status = 0;
    while (waitpid(last[0].pid, &status, 0) < 0 && errno == EINTR) {
    }
    auto said = text_of(last[0].said);
    // objects have no names that a user knows
    for (auto &j : jobs)
        for (size_t at; (at = said.find(j.object)) != said.npos;)
            said.replace(at, j.object.size(), j.source);
    fputs(said.c_str(), stderr);
    int rc = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    if (rc != 0 && said.find("undefined") != said.npos)
        explain(sources, set);
    for (auto &j : jobs)
        fs::remove(j.object, ignored);
    return rc;
}
