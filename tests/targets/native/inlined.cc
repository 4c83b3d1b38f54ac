// Code of which much is inlined, also into each other, for debug information to be read of. It need not be run.
#include <algorithm>
#include <cstdio>
#include <functional>
#include <map>
#include <memory>
#include <numeric>
#include <string>
#include <unordered_map>
#include <vector>

namespace {

struct Hidden {
    static int twice(int x)
    {
        volatile int y = x;
        return y * 2;
    }
};

int sum_of(const std::vector<int> &list)
{
    int sum = 0;
    for (int x : list)
        sum += Hidden::twice(x);
    return sum;
}

} // namespace

namespace shapes {

struct Shape {
    virtual ~Shape() = default;
    virtual double area() const = 0;
};

template <typename T> struct Square : Shape {
    explicit Square(T side) : side(side), name(std::to_string(side)) {}
    double area() const override { return double(side) * double(side); }
    T side;
    std::string name;
};

using Shapes = std::vector<std::unique_ptr<Shape>>;

Shapes make(int count)
{
    Shapes shapes;
    for (int i = 0; i < count; i++) {
        if (i % 2)
            shapes.push_back(std::make_unique<Square<int>>(i));
        else
            shapes.push_back(std::make_unique<Square<double>>(i / 2.0));
    }
    std::sort(shapes.begin(), shapes.end(), [](const auto &a, const auto &b) { return a->area() < b->area(); });
    return shapes;
}

} // namespace shapes

int main(int argc, char **argv)
{
    std::map<std::string, std::vector<int>> by_name;
    std::unordered_map<std::string, std::function<double(double)>> functions;
    for (int i = 0; i < argc; i++)
        by_name[argv[i] + std::to_string(i)].push_back(i);
    for (auto &[name, list] : by_name) {
        std::sort(list.begin(), list.end(), [](int a, int b) { return a > b; });
        int sum = sum_of(list);
        functions[name] = [sum, name = name](double x) { return x * sum + double(name.size()); };
    }
    auto shapes = shapes::make(argc * 10);
    double area = std::accumulate(shapes.begin(), shapes.end(), 0.0,
                                  [](double sum, const auto &shape) { return sum + shape->area(); });
    for (auto &[name, function] : functions)
        area += function(area);
    std::printf("%g\n", area);
}
