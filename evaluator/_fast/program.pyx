"""Program: a snapshot's bytes, checked once and then read in place.

Reading only: ``load`` makes one, checks every row and then calls ``finish``. The msgpack reader is its own, because importing a
general library costs twenty times what the whole load does. Used by the core only.
"""

cimport cython
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from cpython.object cimport PyObject
from cpython.unicode cimport PyUnicode_DecodeUTF8
from libc.stdint cimport int8_t, int16_t, int32_t, int64_t, uint8_t, uint32_t, uint64_t
from libc.stdlib cimport calloc, free, malloc
from libc.string cimport memcmp, memcpy

from evaluator._fast.generated cimport *

from sys import intern

from evaluator.errors import SnapshotError

cdef extern from "kernels.h" nogil:
    uint32_t load_u32(const void* p)
    uint64_t load_u64(const void* p)
    double bits_to_double(uint64_t bits)
    uint64_t murmur3_x64_h1(const char* data, Py_ssize_t n)

cdef extern from "kernels.h":
    Py_hash_t text_hash(PyObject* text)
    int same_text(PyObject* a, PyObject* b)

cdef extern from "Python.h":
    object PyUnicode_FromObject(object o)

cdef struct Reader:
    const uint8_t* here
    const uint8_t* end


cdef int ROW_SIZES[16]
ROW_SIZES[:] = [
    SIZE_FLAGS, SIZE_RULES, SIZE_CONDITIONS, SIZE_OUTCOMES, SIZE_RANGES, SIZE_VARIANTS, SIZE_ATTRIBUTES, SIZE_TEXT_REFS,
    SIZE_NODES, SIZE_WINDOWS, SIZE_PLACES, SIZE_NUMBERS, SIZE_TEXT, SIZE_SETS, SIZE_AUTOMATA, SIZE_ZONES,
]
cdef enum:
    ELEMENT = 2  # the depth of the body's elements


# ---- msgpack ---------------------------------------------------------------------------------------------------------


cdef enum:
    MAX_DEPTH = 64  # the body itself is 1


cdef inline const uint8_t* take(Reader* reader, Py_ssize_t size) except NULL:
    cdef const uint8_t* start = reader.here
    if size > reader.end - start:
        raise SnapshotError("the snapshot's body ends in the middle of a value")
    reader.here = start + size
    return start


cdef inline uint64_t big_endian(Reader* reader, int size) except? 0xFFFFFFFFFFFFFFFE:
    cdef const uint8_t* at = take(reader, size)
    cdef uint64_t value = 0
    cdef int i
    for i in range(size):
        value = (value << 8) | at[i]
    return value


cdef inline object read_text(Reader* reader, Py_ssize_t size):
    cdef const uint8_t* at = take(reader, size)
    try:
        return PyUnicode_DecodeUTF8(<const char*>at, size, NULL)
    except UnicodeDecodeError:
        raise SnapshotError("a text in the snapshot's body is not UTF-8") from None


cdef int check_container(Reader* reader, Py_ssize_t size, int depth) except -1:
    if depth > MAX_DEPTH:
        raise SnapshotError("the snapshot's body is nested too deep")
    if size > reader.end - reader.here:  # each element takes a byte at least, so this bounds the allocation
        raise SnapshotError("a container in the snapshot's body is longer than the body")
    return 0


cdef object read_list(Reader* reader, Py_ssize_t size, int depth):
    check_container(reader, size, depth)
    cdef list items = []
    cdef Py_ssize_t i
    for i in range(size):
        items.append(read_value(reader, depth + 1))
    return items


cdef object read_map(Reader* reader, Py_ssize_t size, int depth):
    check_container(reader, size, depth)
    cdef dict items = {}
    cdef Py_ssize_t i
    for i in range(size):
        key = read_value(reader, depth + 1)
        if type(key) is not str:
            raise SnapshotError("a map in the snapshot's body has a key that is no text")
        items[key] = read_value(reader, depth + 1)
    return items


cdef object read_value(Reader* reader, int depth):
    """The next value as a Python object; ``depth`` is that of the containers around it, itself included. Raises SnapshotError."""
    cdef uint8_t tag = take(reader, 1)[0]
    cdef const uint8_t* at
    cdef uint32_t single
    cdef float number
    if tag < 0x80:
        return tag
    if tag < 0x90:
        return read_map(reader, tag & 0x0F, depth)
    if tag < 0xA0:
        return read_list(reader, tag & 0x0F, depth)
    if tag < 0xC0:
        return read_text(reader, tag & 0x1F)
    if tag >= 0xE0:
        return <int8_t>tag
    if tag == 0xC0:
        return None
    if tag == 0xC2:
        return False
    if tag == 0xC3:
        return True
    if 0xC4 <= tag <= 0xC6:
        size = <Py_ssize_t>big_endian(reader, 1 << (tag - 0xC4))
        at = take(reader, size)
        return PyBytes_FromStringAndSize(<const char*>at, size)
    if tag == 0xCA:
        single = <uint32_t>big_endian(reader, 4)
        memcpy(&number, &single, 4)
        return <double>number
    if tag == 0xCB:
        return bits_to_double(big_endian(reader, 8))
    if 0xCC <= tag <= 0xCF:
        return big_endian(reader, 1 << (tag - 0xCC))
    if tag == 0xD0:
        return <int8_t>big_endian(reader, 1)
    if tag == 0xD1:
        return <int16_t>big_endian(reader, 2)
    if tag == 0xD2:
        return <int32_t>big_endian(reader, 4)
    if tag == 0xD3:
        return <int64_t>big_endian(reader, 8)
    if 0xD9 <= tag <= 0xDB:
        return read_text(reader, <Py_ssize_t>big_endian(reader, 1 << (tag - 0xD9)))
    if tag == 0xDC or tag == 0xDD:
        return read_list(reader, <Py_ssize_t>big_endian(reader, 2 if tag == 0xDC else 4), depth)
    if tag == 0xDE or tag == 0xDF:
        return read_map(reader, <Py_ssize_t>big_endian(reader, 2 if tag == 0xDE else 4), depth)
    raise SnapshotError("the snapshot's body has a type that snapshots don't use")


cdef Py_ssize_t read_array(Reader* reader) except -1:
    """The length of the array that begins here. Raises SnapshotError."""
    cdef uint8_t tag = take(reader, 1)[0]
    if 0x90 <= tag < 0xA0:
        return tag & 0x0F
    if tag == 0xDC or tag == 0xDD:
        return <Py_ssize_t>big_endian(reader, 2 if tag == 0xDC else 4)
    raise SnapshotError("the snapshot's body is no array")


cdef Py_ssize_t read_binary(Reader* reader, const uint8_t** data) except -1:
    """The length of the bin that begins here, whose first byte ``data`` then points to. Raises SnapshotError."""
    cdef uint8_t tag = take(reader, 1)[0]
    if not 0xC4 <= tag <= 0xC6:
        raise SnapshotError("the snapshot's tables are no binary")
    cdef Py_ssize_t size = <Py_ssize_t>big_endian(reader, 1 << (tag - 0xC4))
    data[0] = take(reader, size)
    return size


# ---- the program -----------------------------------------------------------------------------------------------------


cdef object NOBODY = object()  # for the name of an attribute that isn't looked up by name: no context has it as a key


cdef list texts(object value, str what):
    if type(value) is not list:
        raise SnapshotError(f"the snapshot's {what} are no array")
    for item in <list>value:
        if type(item) is not str:
            raise SnapshotError(f"one of the snapshot's {what} is no text")
    return value


cdef int broken(str what) except -1:
    raise SnapshotError("the snapshot is inconsistent: %s; compile it again" % what)


cdef list paths_of(object value):
    if type(value) is not list:
        raise SnapshotError("the snapshot's paths are no array")
    for path in <list>value:
        if type(path) is not list:
            raise SnapshotError("one of the snapshot's paths is no array")
        for step in <list>path:
            if type(step) is not str and type(step) is not int:
                raise SnapshotError("a step of one of the snapshot's paths is neither text nor integer")
    return value


@cython.final
@cython.no_gc
cdef class Program:
    def __cinit__(self, bytes data not None):
        self.data = data
        self.read()

    def __dealloc__(self):
        cdef Py_ssize_t i
        if self.fragments != NULL:
            for i in range(self.fragment_count):
                free(self.fragments[i].data)
        free(self.fragments)
        free(self.recent)
        free(self.state)
        free(self.names_by_attribute)
        free(self.variant_values)
        free(self.key_table)

    cdef int read(self) except -1:
        """Envelope, body, section table (docs/snapshot-format.md sections 1 to 3)."""
        cdef const char* start = PyBytes_AS_STRING(self.data)
        cdef Py_ssize_t size = PyBytes_GET_SIZE(self.data)
        if size < HEADER_BYTES or memcmp(start, b"BURGEE\r\n", 8) != 0:
            raise SnapshotError("these bytes are no snapshot: they don't begin with its magic")
        cdef uint32_t version = load_u32(start + 8)
        if not OLDEST_FORMAT_VERSION <= version <= FORMAT_VERSION:
            raise SnapshotError(
                f"snapshot format {version} is not one this core reads ({OLDEST_FORMAT_VERSION} to {FORMAT_VERSION}): "
                "upgrade the core, or compile again with the older compiler"
            )
        if load_u32(start + 12) != 0:
            raise SnapshotError("the snapshot's envelope has flags that this core doesn't know")
        cdef uint64_t checksum = murmur3_x64_h1(start + HEADER_BYTES, size - HEADER_BYTES)
        if load_u64(start + 16) != checksum:
            raise SnapshotError("the snapshot's checksum is wrong: it was truncated or altered; fetch it again")
        self.version = f"{checksum:016x}"
        cdef Reader reader
        reader.here = <const uint8_t*>start + HEADER_BYTES
        reader.end = <const uint8_t*>start + size
        cdef const uint8_t* tables = NULL
        if read_array(&reader) != 9:
            raise SnapshotError("the snapshot's body doesn't have 9 elements")
        meta = read_value(&reader, ELEMENT)
        if type(meta) is not dict or type(meta.get("compiler")) is not str or type(meta.get("dialect")) is not str:
            raise SnapshotError("the snapshot's meta is no map with a compiler and a dialect")
        if not is_flat_map(meta.get("metadata", {})):
            raise SnapshotError("the flag set's metadata are no flat map")
        self.meta = meta
        self.keys = texts(read_value(&reader, ELEMENT), "flag keys")
        self.attribute_names = texts(read_value(&reader, ELEMENT), "attribute names")
        self.paths = paths_of(read_value(&reader, ELEMENT))
        self.names = texts(read_value(&reader, ELEMENT), "variant names")
        self.rule_ids = texts(read_value(&reader, ELEMENT), "rule ids")
        values = read_value(&reader, ELEMENT)
        if type(values) is not list:
            raise SnapshotError("the snapshot's values are no array")
        self.values = values
        if read_binary(&reader, &tables) > 7:
            raise SnapshotError("the snapshot's padding is too long")
        cdef Py_ssize_t table_size = read_binary(&reader, &tables)
        if reader.here != reader.end:
            raise SnapshotError("the snapshot has bytes after its body")
        if (tables - <const uint8_t*>start) % 8:
            raise SnapshotError("the snapshot's tables are not aligned")
        cdef const void* found[16]
        cdef int i, j
        cdef uint64_t start_of[16]
        cdef uint64_t end_of[16]
        if table_size < 16 * 8:
            raise SnapshotError("the snapshot's tables end inside their directory")
        for i in range(16):
            start_of[i] = <uint64_t>load_u32(tables + 8 * i) * 8
            self.counts[i] = load_u32(tables + 8 * i + 4)
            end_of[i] = start_of[i] + <uint64_t>self.counts[i] * ROW_SIZES[i]
            found[i] = tables + start_of[i]
            if self.counts[i] == 0:
                found[i] = tables  # nothing is read of it
            elif start_of[i] < 16 * 8 or end_of[i] > <uint64_t>table_size:
                raise SnapshotError("a section of the snapshot's tables lies outside them")
            for j in range(i):
                if self.counts[i] and self.counts[j] and start_of[i] < end_of[j] and start_of[j] < end_of[i]:
                    raise SnapshotError("two sections of the snapshot's tables overlap")
        self.flags = <const flag_row*>found[SECTION_FLAGS]
        self.rules = <const rule_row*>found[SECTION_RULES]
        self.conditions = <const condition_row*>found[SECTION_CONDITIONS]
        self.outcomes = <const outcome_row*>found[SECTION_OUTCOMES]
        self.ranges = <const range_row*>found[SECTION_RANGES]
        self.variants = <const variant_row*>found[SECTION_VARIANTS]
        self.attributes = <const attribute_row*>found[SECTION_ATTRIBUTES]
        self.text_refs = <const text_ref_row*>found[SECTION_TEXT_REFS]
        self.nodes = <const node_row*>found[SECTION_NODES]
        self.windows = <const window_row*>found[SECTION_WINDOWS]
        self.places = <const place_row*>found[SECTION_PLACES]
        self.numbers = <const uint64_t*>found[SECTION_NUMBERS]
        self.text = <const char*>found[SECTION_TEXT]
        self.sets = <const char*>found[SECTION_SETS]
        self.automata = <const char*>found[SECTION_AUTOMATA]
        self.zones = <const char*>found[SECTION_ZONES]
        return 0

    cdef int allocate_state(self) except -1:
        self.state = <uint8_t*>calloc(self.counts[SECTION_FLAGS] + 1, 1)
        if self.state == NULL:
            raise MemoryError
        return 0

    cdef int finish(self) except -1:
        """What is built beside the bytes, once the rows are known to be sound."""
        self.build_attributes()
        self.build_variants()
        self.build_key_table()
        # One fragment per (variant or flag, OpenFeature word); zeroed memory that is only touched when it is used.
        self.fragment_count = (<Py_ssize_t>self.counts[SECTION_VARIANTS] + self.counts[SECTION_FLAGS]) * 5
        self.fragments = <Fragment*>calloc(self.fragment_count + 1, sizeof(Fragment))
        if self.fragments == NULL:
            raise MemoryError
        return 0

    cdef int build_attributes(self) except -1:
        """Interned names with their hashes: a context's literal keys are then the same objects."""
        cdef uint32_t i, count = self.counts[SECTION_ATTRIBUTES]
        cdef PyObject* name
        self.attribute_names = [intern(text) for text in self.attribute_names]
        self.names_by_attribute = <AttributeName*>malloc((count + 1) * sizeof(AttributeName))
        if self.names_by_attribute == NULL:
            raise MemoryError
        for i in range(count):
            named = not self.attributes[i].flags & ATTRIBUTE_PATH_ONLY
            self.names_by_attribute[i].name = name = <PyObject*>(self.attribute_names[self.attributes[i].name] if named else NOBODY)
            self.names_by_attribute[i].hash = hash(<object>name)
            self.names_by_attribute[i].flags = self.attributes[i].flags
            self.names_by_attribute[i].place = 0
            self.names_by_attribute[i].wrong_guesses = 0
        return 0

    cdef int build_variants(self) except -1:
        """Each variant's value and kind in one place, which is all that a typed getter needs."""
        cdef uint32_t i, count = self.counts[SECTION_VARIANTS]
        self.variant_values = <VariantValue*>malloc((count + 1) * sizeof(VariantValue))
        if self.variant_values == NULL:
            raise MemoryError
        for i in range(count):
            value = None if self.variants[i].value == NONE else self.values[self.variants[i].value]
            self.variant_values[i] = VariantValue(<PyObject*>value, self.variants[i].kind)
        return 0

    cdef int build_key_table(self) except -1:
        """Open addressing on the str hash that callers' keys already carry; at most half full. Interned keys, so that a literal in
        the caller's code is the same object."""
        cdef uint32_t size = 4, row, slot
        cdef PyObject* key
        self.keys = [intern(text) for text in self.keys]
        while size < 2 * <uint32_t>len(self.keys):
            size *= 2
        self.key_table = <KeyEntry*>calloc(size, sizeof(KeyEntry))
        if self.key_table == NULL:
            raise MemoryError
        self.key_mask = size - 1
        for row in range(<uint32_t>len(self.keys)):
            key = <PyObject*>self.keys[row]
            slot = <uint32_t>text_hash(key) & self.key_mask
            while self.key_table[slot].key != NULL:
                slot = (slot + 1) & self.key_mask
            self.key_table[slot] = KeyEntry(key, text_hash(key), row)
        return 0

    cdef uint32_t find_other(self, object key) noexcept:
        """``find`` for any key. A subclass of str is asked as the text it holds; what is no string finds nothing."""
        cdef PyObject* wanted = <PyObject*>key
        if not PyUnicode_CheckExact(wanted):
            if not isinstance(key, str):
                return NONE
            try:
                key = PyUnicode_FromObject(key)
            except Exception:
                return NONE
            wanted = <PyObject*>key
        cdef Py_hash_t hash = text_hash(wanted)
        cdef uint32_t slot = <uint32_t>hash & self.key_mask
        cdef KeyEntry* entry
        while True:
            entry = &self.key_table[slot]
            if entry.key == wanted:
                return entry.row
            if entry.key == NULL:
                return NONE
            if entry.hash == hash and same_text(entry.key, wanted):
                return entry.row
            slot = (slot + 1) & self.key_mask
