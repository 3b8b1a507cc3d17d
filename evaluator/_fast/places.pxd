# Places and the distance between them (docs/snapshot-format.md section 4.6). Inline: ``operators`` alone uses them.

from cpython.dict cimport PyDict_GetItemWithError
from cpython.object cimport PyObject
from libc.math cimport M_PI, asin, cos, fabs, sin, sqrt

from evaluator._fast.generated cimport place_row
from evaluator._fast.values cimport items_of


cdef inline bint coordinate(object value, double limit, double* degrees):
    if value is True or value is False or not isinstance(value, (int, float)):
        return False
    degrees[0] = int.__float__(value) if isinstance(value, int) else float.__float__(value)
    return fabs(degrees[0]) <= limit


cdef inline bint place_of(object value, double* latitude, double* longitude):
    """A map with lat/latitude and lon/lng/longitude, or a list or tuple of two."""
    cdef PyObject* first = NULL
    cdef PyObject* second = NULL
    if isinstance(value, dict):
        for name in ("lat", "latitude"):
            if first == NULL:
                first = PyDict_GetItemWithError(value, name)
        for name in ("lon", "lng", "longitude"):
            if second == NULL:
                second = PyDict_GetItemWithError(value, name)
        if first == NULL or second == NULL:
            return False
        return coordinate(<object>first, 90.0, latitude) and coordinate(<object>second, 180.0, longitude)
    if not isinstance(value, (list, tuple)):
        return False
    items = items_of(value)
    return len(items) == 2 and coordinate(items[0], 90.0, latitude) and coordinate(items[1], 180.0, longitude)


cdef inline double distance(const place_row* place, double latitude, double longitude) noexcept nogil:
    """Haversine, R = 6371 km, in the place's units."""
    cdef double radian = M_PI / 180.0
    cdef double s = sin((place.latitude - latitude) * radian / 2.0)
    cdef double t = sin((place.longitude - longitude) * radian / 2.0)
    cdef double h = s * s + cos(latitude * radian) * cos(place.latitude * radian) * t * t
    return 2.0 * 6371.0 * asin(sqrt(h if h < 1.0 else 1.0)) / place.km_per_unit
