from libc.stdint cimport int32_t, int64_t, uint8_t, uint32_t, uint64_t

from evaluator._fast.generated cimport window_row


cdef enum:
    UNORDERED = 2  # what the comparisons give when one side is NaN

cdef int order_double_integer(double number, int64_t integer) noexcept nogil
cdef bint number_in_text(const char* text, Py_ssize_t length, double* number) noexcept
cdef bint instant_in_text(const char* text, Py_ssize_t length, bint strict, int64_t* instant) noexcept nogil
cdef bint scaled_integer(int64_t value, int64_t factor, int64_t* instant) noexcept nogil
cdef bint scaled_float(double value, double factor, int64_t* instant) noexcept nogil
cdef bint instant_of_object(object value, bint strict, int64_t* instant)
cdef object text_of(object value)
cdef bint deep_equal(object expected, object value, bint boolean_number)
cdef object without_boolean(object value)
cdef object items_of(object value)
cdef object at_path(object value, list path, bint* found)
cdef object fresh_copy(object value)
cdef bint in_window(const window_row* window, const char* zones, int64_t instant) noexcept nogil
