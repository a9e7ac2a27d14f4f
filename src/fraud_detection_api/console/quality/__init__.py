"""The page Quality of reviews: how reviewers judged what they were checked by."""
