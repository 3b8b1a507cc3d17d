from libc.stdint cimport uint8_t


cdef struct Reader:
    const uint8_t* here
    const uint8_t* end


cdef object read_value(Reader* reader, int depth)
cdef Py_ssize_t read_array(Reader* reader) except -1
cdef Py_ssize_t read_binary(Reader* reader, const uint8_t** data) except -1
