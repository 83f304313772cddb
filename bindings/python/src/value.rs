//! Values of attributes and circumstances, from Python and back.
//!
//! | Cedar | Python |
//! |---|---|
//! | `Bool`, `Long`, `String` | `bool`, `int` of 64 bits, `str` |
//! | an entity | `EntityUid` |
//! | `Set`, a record | `set`, `frozenset`, `list` or `tuple`; `dict` |
//! | `decimal` | `decimal.Decimal` of at most four places |
//! | `datetime`, `duration` | `datetime.datetime` with a time zone, `datetime.timedelta`; of milliseconds |
//! | `ipaddr` | the addresses, networks and interfaces of `ipaddress` |

use std::sync::Arc;

use doorward::{Record, Timestamp, Value};
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{
    PyBool, PyDateTime, PyDelta, PyDict, PyFrozenSet, PyInt, PyList, PySet, PyString, PyTuple,
    PyType, PyTzInfo,
};

use serde::de::DeserializeOwned;

use crate::error::{IntoPython, request_error};
use crate::uid::{EntityUid, Name};

const MS_PER_DAY: i64 = 86_400_000;
/// The powers of ten of decimals that may be values.
const EXPONENTS: std::ops::RangeInclusive<i64> = -1000..=15;
/// Deeper than the library takes values, and shallow enough for any stack.
const DEPTH_MAX: usize = 100;
/// How many sets, records and elements a value may have in all: what stands in it twice is read twice.
const PARTS_MAX: usize = 1_000_000;

static DECIMAL: PyOnceLock<Py<PyType>> = PyOnceLock::new();
static IP_CLASSES: PyOnceLock<Py<PyTuple>> = PyOnceLock::new();

/// What JSON says of an object of Python's, as the library reads it: settings, declarations.
pub(crate) fn read_json<T: DeserializeOwned>(given: &Bound<'_, PyAny>, what: &str) -> PyResult<T> {
    let py = given.py();
    let text = py.import("json")?.call_method1("dumps", (given,))?;
    serde_json::from_str(text.cast::<PyString>().map_err(PyErr::from)?.to_str()?).map_err(|error| {
        let message = format!("the {what} cannot be read: {error}");
        request_error(py, &message, "see the documentation of doorward for its members")
    })
}

/// Attributes by name.
pub(crate) fn record(given: &Bound<'_, PyDict>) -> PyResult<Record> {
    let mut parts_left = PARTS_MAX;
    record_within(given, 0, &mut parts_left)
}

fn record_within(
    given: &Bound<'_, PyDict>,
    depth: usize,
    parts_left: &mut usize,
) -> PyResult<Record> {
    let mut record = Record::new();
    // A copy: values of classes of Python's own run code of their own.
    for item in given.items() {
        let (name, value): (Bound<'_, PyAny>, Bound<'_, PyAny>) = item.extract()?;
        let name = name
            .cast::<PyString>()
            .map_err(|_| PyTypeError::new_err("names of attributes are texts"))?;
        record.insert(Arc::from(name.to_str()?), value_within(&value, depth, parts_left)?);
    }
    Ok(record)
}

/// INVARIANT (depth of values): `DEPTH_MAX` bounds this recursion.
fn value_within(given: &Bound<'_, PyAny>, depth: usize, parts_left: &mut usize) -> PyResult<Value> {
    let py = given.py();
    let Some(left) = parts_left.checked_sub(1) else {
        return Err(request_error(py, "the value is too large", "keep what is large elsewhere"));
    };
    *parts_left = left;
    if depth > DEPTH_MAX {
        return Err(request_error(py, "the value nests too deep", "give flatter sets and records"));
    }
    // A `bool` is an `int`, too.
    if let Ok(flag) = given.cast::<PyBool>() {
        return Ok(Value::from(flag.is_true()));
    }
    if given.is_instance_of::<PyInt>() {
        return given.extract::<i64>().map(Value::from).map_err(|_| {
            request_error(py, "an integer is too large for 64 bits", "Cedar's `Long` ends at 2^63")
        });
    }
    if let Ok(text) = given.cast::<PyString>() {
        return Ok(Value::from(text.to_str()?));
    }
    if let Ok(uid) = given.cast::<EntityUid>() {
        return Ok(Value::from(&uid.get().0.uid));
    }
    if let Ok(members) = given.cast::<PyDict>() {
        let members = record_within(members, depth + 1, parts_left)?;
        return Value::record(members).map_err(|error| error.into_python(py));
    }
    let is_set = given.is_instance_of::<PySet>()
        || given.is_instance_of::<PyFrozenSet>()
        || given.is_instance_of::<PyList>()
        || given.is_instance_of::<PyTuple>();
    if is_set {
        let elements =
            given.try_iter()?.map(|element| value_within(&element?, depth + 1, parts_left));
        return Value::set(elements.collect::<PyResult<Vec<_>>>()?)
            .map_err(|error| error.into_python(py));
    }
    if let Ok(moment) = given.cast::<PyDateTime>() {
        return timestamp(moment).map(Value::from);
    }
    if let Ok(duration) = given.cast::<PyDelta>() {
        return duration_ms(duration).map(Value::duration_ms);
    }
    if given.is_instance(DECIMAL.import(py, "decimal", "Decimal")?)? {
        return decimal(given);
    }
    if given.is_instance(ip_classes(py)?)? {
        return Value::ip(given.str()?.to_str()?).map_err(|error| error.into_python(py));
    }
    Err(PyTypeError::new_err(format!(
        "a {} is no value of a policy's: see the documentation of doorward for what is",
        given.get_type().name()?
    )))
}

fn ip_classes(py: Python<'_>) -> PyResult<&Bound<'_, PyTuple>> {
    let classes = IP_CLASSES.get_or_try_init(py, || {
        let module = py.import("ipaddress")?;
        // Interfaces are addresses, too.
        let names = ["IPv4Address", "IPv6Address", "IPv4Network", "IPv6Network"];
        let classes = names.map(|name| module.getattr(name));
        let classes = classes.into_iter().collect::<PyResult<Vec<_>>>()?;
        PyTuple::new(py, classes).map(Bound::unbind)
    })?;
    Ok(classes.bind(py))
}

fn decimal(given: &Bound<'_, PyAny>) -> PyResult<Value> {
    let is_finite: bool = given.call_method0("is_finite")?.extract()?;
    // Written out, a number of a few letters may be gigabytes.
    if !is_finite || !EXPONENTS.contains(&given.call_method0("adjusted")?.extract::<i64>()?) {
        return Err(request_error(
            given.py(),
            "a decimal is out of range",
            "Cedar's go to about 922 trillion, with four places",
        ));
    }
    // Plain digits, whatever the exponent.
    let text = given.call_method1("__format__", ("f",))?;
    let text = text.cast_into::<PyString>().map_err(PyErr::from)?;
    let text = text.to_str()?;
    // Cedar's text has a point, and at most four places.
    let text = match text.split_once('.') {
        Some((whole, places)) => {
            let places = places.trim_end_matches('0');
            format!("{whole}.{}", if places.is_empty() { "0" } else { places })
        }
        None => format!("{text}.0"),
    };
    Value::decimal(&text).map_err(|error| error.into_python(given.py()))
}

/// A moment, with its time zone.
pub(crate) fn timestamp(moment: &Bound<'_, PyDateTime>) -> PyResult<Timestamp> {
    let py = moment.py();
    if moment.call_method0("utcoffset")?.is_none() {
        return Err(request_error(
            py,
            "a datetime has no time zone",
            "give one, as in `datetime.now(timezone.utc)`",
        ));
    }
    let since = moment.call_method1("__sub__", (epoch(py)?,)).map_err(|_| out_of_range(py))?;
    duration_ms(since.cast::<PyDelta>().map_err(PyErr::from)?).map(Timestamp::from_ms)
}

fn out_of_range(py: Python<'_>) -> PyErr {
    request_error(
        py,
        "a moment or duration is out of range",
        "Python's moments are of years 1 to 9999",
    )
}

fn epoch(py: Python<'_>) -> PyResult<Bound<'_, PyDateTime>> {
    let utc = PyTzInfo::utc(py)?;
    PyDateTime::new(py, 1970, 1, 1, 0, 0, 0, 0, Some(&utc.to_owned()))
}

/// Milliseconds, rounded down.
fn duration_ms(duration: &Bound<'_, PyDelta>) -> PyResult<i64> {
    let days: i64 = duration.getattr("days")?.extract()?;
    let seconds: i64 = duration.getattr("seconds")?.extract()?;
    let microseconds: i64 = duration.getattr("microseconds")?.extract()?;
    Ok(days * MS_PER_DAY + seconds * 1000 + microseconds / 1000)
}

/// Attributes as a new `dict`.
pub(crate) fn dict<'py>(py: Python<'py>, record: &Record) -> PyResult<Bound<'py, PyDict>> {
    let dict = PyDict::new(py);
    for (name, value) in record {
        dict.set_item(&**name, object(py, value)?)?;
    }
    Ok(dict)
}

fn object<'py>(py: Python<'py>, value: &Value) -> PyResult<Bound<'py, PyAny>> {
    if let Some(flag) = value.as_bool() {
        return Ok(PyBool::new(py, flag).to_owned().into_any());
    }
    if let Some(number) = value.as_long() {
        return Ok(number.into_pyobject(py)?.into_any());
    }
    if let Some(text) = value.as_str() {
        return Ok(PyString::new(py, text).into_any());
    }
    if let Some(uid) = value.as_entity() {
        return Ok(Bound::new(py, EntityUid(Name::of(uid)))?.into_any());
    }
    if let Some(elements) = value.as_set() {
        let elements = elements.iter().map(|element| object(py, element));
        let elements = elements.collect::<PyResult<Vec<_>>>()?;
        // Records cannot be hashed, and `1` is `True`: sets that Python's would not hold are lists.
        return match PyFrozenSet::new(py, &elements) {
            Ok(set) if set.len() == elements.len() => Ok(set.into_any()),
            Err(error) if !error.is_instance_of::<PyTypeError>(py) => Err(error),
            _ => Ok(PyList::new(py, elements)?.into_any()),
        };
    }
    if let Some(members) = value.as_record() {
        return dict(py, members).map(Bound::into_any);
    }
    if let Some(moment) = value.as_datetime() {
        return self::moment(py, moment);
    }
    if let Some(milliseconds) = value.as_duration_ms() {
        return delta(py, milliseconds).map(Bound::into_any);
    }
    if let Some(ten_thousandths) = value.as_decimal() {
        let (sign, digits) =
            (if ten_thousandths < 0 { "-" } else { "" }, ten_thousandths.unsigned_abs());
        let text = format!("{sign}{}.{:04}", digits / 10_000, digits % 10_000);
        // Read from text it is exact, whatever the context's precision.
        return DECIMAL.import(py, "decimal", "Decimal")?.call1((text,));
    }
    if let Some((address, prefix)) = value.as_ip() {
        let bits = if address.is_ipv4() { 32 } else { 128 };
        let module = py.import("ipaddress")?;
        if prefix == bits {
            return module.call_method1("ip_address", (address.to_string(),));
        }
        let interface = module.call_method1("ip_interface", (format!("{address}/{prefix}"),))?;
        let network = interface.getattr("network")?;
        // An address in a network is more than the network.
        let is_network = network.getattr("network_address")?.eq(interface.getattr("ip")?)?;
        return Ok(if is_network { network } else { interface });
    }
    Err(PyTypeError::new_err("a value of no known type"))
}

/// A moment, in UTC.
pub(crate) fn moment(py: Python<'_>, moment: Timestamp) -> PyResult<Bound<'_, PyAny>> {
    let since = delta(py, moment.as_ms())?;
    epoch(py)?.call_method1("__add__", (since,)).map_err(|_| out_of_range(py))
}

fn delta(py: Python<'_>, milliseconds: i64) -> PyResult<Bound<'_, PyDelta>> {
    let days = i32::try_from(milliseconds.div_euclid(MS_PER_DAY)).unwrap_or(i32::MAX);
    let rest = milliseconds.rem_euclid(MS_PER_DAY);
    let (seconds, rest) = ((rest / 1000) as i32, (rest % 1000) as i32);
    PyDelta::new(py, days, seconds, rest * 1000, true).map_err(|_| out_of_range(py))
}
