"""The platform on AWS as code: one table of functions, one of stores, one of alarms, and the stack that CDK makes of them."""
