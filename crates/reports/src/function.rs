//! What the query engine is taught: which piece of time a moment is in, and what a parameter was.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, Int32Array, StringViewBuilder};
use arrow::datatypes::{DataType, TimeUnit, TimestampMillisecondType};
use datafusion::common::{Result, ScalarValue, exec_err};
use datafusion::logical_expr::{
    ColumnarValue, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};

/// `name(time)`: the place of the piece of time, or of the first one that is called the same; null outside.
#[derive(Debug, PartialEq, Eq, Hash)]
pub struct Bucket {
    name: String,
    signature: Signature,
    starts: Vec<i64>,
    /// What each piece counts as.
    counts_as: Vec<i32>,
    end: i64,
}

impl Bucket {
    /// `starts` ascend; the last piece ends with `end`.
    pub fn new(name: String, starts: Vec<i64>, counts_as: Vec<i32>, end: i64) -> Self {
        let time = DataType::Timestamp(TimeUnit::Millisecond, Some("UTC".into()));
        Self { name, signature: Signature::exact(vec![time], Volatility::Immutable), starts, counts_as, end }
    }

    fn places(&self, times: &ArrayRef) -> Int32Array {
        let times = times.as_primitive::<TimestampMillisecondType>();
        // Times come mostly in order: the piece before is tried first.
        let (mut from, mut until, mut piece) = (0i64, 0i64, None);
        let mut place = |at: i64| {
            if at < from || until <= at {
                let after = self.starts.partition_point(|start| *start <= at);
                from = after
                    .checked_sub(1)
                    .and_then(|place| self.starts.get(place))
                    .copied()
                    .unwrap_or(i64::MIN);
                until = self.starts.get(after).copied().unwrap_or(if at < self.end {
                    self.end
                } else {
                    i64::MAX
                });
                let outside = after == 0 || self.end <= at;
                piece = after
                    .checked_sub(1)
                    .filter(|_| !outside)
                    .and_then(|place| self.counts_as.get(place))
                    .copied();
                if self.end <= at {
                    from = self.end;
                }
            }
            piece
        };
        if times.null_count() == 0 {
            return times.values().iter().map(|at| place(*at)).collect();
        }
        times.iter().map(|at| at.and_then(&mut place)).collect()
    }
}

impl ScalarUDFImpl for Bucket {
    fn name(&self) -> &str {
        &self.name
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(DataType::Int32)
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let [times] =
            ColumnarValue::values_to_arrays(&args.args)?.try_into().or_else(|_| exec_err!("one time"))?;
        Ok(ColumnarValue::Array(Arc::new(self.places(&times))))
    }
}

/// `param(params, 'name')`: the value under a name in a JSON object of texts; empty where there is none.
#[derive(Debug, PartialEq, Eq, Hash)]
pub struct Param {
    signature: Signature,
}

impl Param {
    pub fn function() -> ScalarUDF {
        let texts = vec![DataType::Utf8View, DataType::Utf8];
        ScalarUDF::new_from_impl(Self { signature: Signature::exact(texts, Volatility::Immutable) })
    }
}

impl ScalarUDFImpl for Param {
    fn name(&self) -> &'static str {
        "param"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(DataType::Utf8View)
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let rows = args.number_rows;
        let (Some(params), Some(ColumnarValue::Scalar(ScalarValue::Utf8(Some(name))))) =
            (args.args.first(), args.args.get(1))
        else {
            return exec_err!("param() takes a column and a name");
        };
        let params = params.to_array(rows)?;
        let params = params.as_string_view();
        let mut values = StringViewBuilder::with_capacity(rows);
        // The same object often stands in many rows one after the other.
        let (mut last, mut value) = (None, String::new());
        for object in params.iter().map(Option::unwrap_or_default) {
            if last != Some(object) {
                value = of_object(object, name);
                last = Some(object);
            }
            values.append_value(&value);
        }
        Ok(ColumnarValue::Array(Arc::new(values.finish())))
    }
}

fn of_object(object: &str, name: &str) -> String {
    if object.is_empty() {
        return String::new();
    }
    let read: Option<serde_json::Map<String, serde_json::Value>> = serde_json::from_str(object).ok();
    let found = read.as_ref().and_then(|object| object.get(name)).and_then(serde_json::Value::as_str);
    found.unwrap_or_default().to_owned()
}
