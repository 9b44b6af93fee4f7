//! To which pool a lead goes: that of its product line, else the one marked default. Rules and territories come later.

/// What routing knows of a pool.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Route {
    /// The pool.
    pub pool_id: String,
    /// Leads of this line go here; empty: none by line.
    pub product_line: String,
    /// Takes what no other takes.
    pub is_default: bool,
}

/// None: no pool wants it; it waits until one does.
#[must_use]
pub fn route<'a>(product_line: &str, pools: &'a [Route]) -> Option<&'a str> {
    let by_line = pools.iter().find(|pool| !pool.product_line.is_empty() && pool.product_line == product_line);
    by_line.or_else(|| pools.iter().find(|pool| pool.is_default)).map(|pool| pool.pool_id.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pool(pool_id: &str, product_line: &str, is_default: bool) -> Route {
        Route { pool_id: pool_id.to_owned(), product_line: product_line.to_owned(), is_default }
    }

    #[test]
    fn by_product_line_else_default_else_nowhere() {
        let pools = [pool("crm", "crm", false), pool("rest", "", true), pool("erp", "erp", false)];
        assert_eq!(route("erp", &pools), Some("erp"));
        assert_eq!(route("bikes", &pools), Some("rest"));
        assert_eq!(route("", &pools), Some("rest"), "no line is not a line");
        assert_eq!(route("bikes", &pools[..1]), None);
        assert_eq!(route("", &pools[2..]), None);
    }
}
