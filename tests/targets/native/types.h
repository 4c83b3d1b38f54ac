/* What types.cc and its library share. */
#ifndef TESTS_TARGETS_TYPES_H
#define TESTS_TARGETS_TYPES_H

struct Shape {
    unsigned side;
    explicit Shape(unsigned wanted) : side(wanted) {}
    virtual ~Shape();
    virtual unsigned area() const;
};

Shape *make_hidden(unsigned side);

#endif
