package orderpg

// ListQuery lets tests look at the plans of the list's statements.
var ListQuery = listQuery
