//! Tests of the forms.
