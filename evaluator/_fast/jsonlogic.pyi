def truthy(value: object) -> bool:
    """JSONLogic's truth of a value."""
