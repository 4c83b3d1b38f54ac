// Fills containers, each in a function of its own, and waits. Prints as allocations.c does; blanks in names are '~'.
#include <cstdio>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace store {

struct Record {
    char bytes[2000];
};

template <typename T> class Cache {
public:
    __attribute__((noinline)) void add(int count)
    {
        for (int i = 0; i < count; i++)
            items.push_back(std::make_unique<T>());
    }

private:
    std::vector<std::unique_ptr<T>> items;
};

std::map<int, std::string> names;

__attribute__((noinline)) void name_all(int count)
{
    for (int i = 0; i < count; i++)
        names[i] = std::string(3000, 'x');
}

} // namespace store

int main()
{
    auto *cache = new store::Cache<store::Record>;
    cache->add(10000);
    store::name_all(10000);
    std::printf("ready\nstore::Cache<store::Record>::add(int) %d\nstore::name_all(int) %d\nend\n", 10000 * 2000, 10000 * 3001);
    std::fflush(stdout);
    char line[16];
    while (std::fgets(line, sizeof(line), stdin)) {
    }
    // Without the destructors of what is global: all of it is in use at the end.
    std::_Exit(3);
}
