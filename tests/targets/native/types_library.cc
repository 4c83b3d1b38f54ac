/* The shared library of types.cc: a class that only this file knows, and one whose objects the program makes too. */
#include "types.h"

namespace {
struct Hidden : Shape {
    explicit Hidden(unsigned side) : Shape(side) {}
    unsigned area() const override { return side * side; }
};
}

Shape::~Shape() = default;

unsigned Shape::area() const
{
    return side;
}

Shape *make_hidden(unsigned side)
{
    return new Hidden(side);
}
