cdef inline bint is_list(object value) noexcept:
    return isinstance(value, list) or isinstance(value, tuple)


cdef inline bint is_container(object value) noexcept:
    return isinstance(value, list) or isinstance(value, tuple) or isinstance(value, dict)


cdef object known(object value)
cpdef bint truthy(object value) noexcept
cdef object to_number(object value)
cdef Py_ssize_t list_index(object step) noexcept
cdef bint loosely_equal_scalars(object left, object right) except -1
cdef bint same_scalars(object left, object right) except -1
cdef bint less(object left, object right, bint or_equal) except -1
cdef object arithmetic(int op, list values)
cdef object substring(list values)
