"""From a fraud probability to an outcome: approve, review or decline. Pure; imports no model and no contract."""
