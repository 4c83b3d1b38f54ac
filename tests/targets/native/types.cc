/* types: holds so many objects of each class, and prints `ready {JSON}` with how many of which. A line `more` on standard
 * input adds a hundred sessions, any other one changes nothing; each is answered with the counts; it ends with its
 * standard input. Beside them it has freed objects, in bins and in the thread's cache, and data that begins with the
 * address of something else. */
#include <cstdio>
#include <cstdlib>
#include <iostream>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "types.h"

namespace shop {
/* One base, and members of any size. */
class Session : public Shape {
public:
    explicit Session(unsigned id) : Shape(id), name(std::to_string(id) + " has a name that is not short") {}

private:
    std::string name;
    char state[100] = {};
};

template <typename Key, typename Value> class Cache {
public:
    virtual ~Cache() = default;
    std::map<Key, Value> entries;
};

/* Two bases with tables of their own, and one that is virtual. */
struct Reader {
    virtual ~Reader() = default;
    long position = 0;
};
struct Writer {
    virtual ~Writer() = default;
    long written = 0;
};
struct Stream : Reader, Writer {
    char buffer[64] = {};
};
struct Named : virtual Reader {
    long name = 0;
};
}

namespace {
struct Local {
    virtual ~Local() = default;
    long value = 0;
};
}

/* Without virtual functions it has no table, and so no name. */
struct Plain {
    const char *text;
    long value;
};

static std::vector<void *> kept;
static unsigned sessions;

template <typename Make> static void hold(unsigned count, Make make)
{
    for (unsigned i = 0; i < count; i++)
        kept.push_back(make(i));
}

static void add_sessions(unsigned count)
{
    hold(count, [](unsigned i) { return new shop::Session(i); });
    sessions += count;
}

static void report(const char *word)
{
    std::cout << word << "{\"shop::Session\":" << sessions
              << ",\"Shape\":40,\"shop::Cache<int, long>\":70,\"shop::Stream\":120,\"shop::Named\":55"
#ifdef WITH_LIBRARY
              << ",\"(anonymous namespace)::Hidden\":90"
#endif
              << ",\"(anonymous namespace)::Local\":300}" << std::endl;
}

int main()
{
    std::vector<Shape *> passing;
    for (unsigned i = 0; i < 2000; i++)
        passing.push_back(i % 2 ? new Shape(i) : new shop::Session(i));
    add_sessions(500);
    hold(40, [](unsigned i) { return new Shape(i); });
    hold(70, [](unsigned) { return new shop::Cache<int, long>; });
    hold(120, [](unsigned) { return new shop::Stream; });
    hold(55, [](unsigned) { return new shop::Named; });
    hold(300, [](unsigned) { return new Local; });
    hold(400, [](unsigned i) { return new Plain{"some text", (long)i}; });
    hold(400, [](unsigned i) { return new Plain{reinterpret_cast<const char *>(&std::abort), (long)i}; });
#ifdef WITH_LIBRARY
    hold(90, [](unsigned i) { return make_hidden(i); });
#endif
    for (Shape *shape : passing)
        delete shape;
    report("ready ");
    for (std::string line; std::getline(std::cin, line);) {
        if (line == "more")
            add_sessions(100);
        report("");
    }
}
