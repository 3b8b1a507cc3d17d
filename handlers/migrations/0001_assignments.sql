-- The mirror of the assignments table (docs/assignment-mirror.md). `burgee migrate` has made the schema `burgee` before.

-- One row for each assignment that a (user, experiment) has had. Only the sequence numbers of one such pair can be compared, and
-- an assignment_id of 48 random bits may come twice among many users: so the pair is part of the key.
CREATE TABLE burgee.assignments (
    user_id text COLLATE "C" NOT NULL CHECK (char_length(user_id) BETWEEN 1 AND 256),
    experiment_id text COLLATE "C" NOT NULL CHECK (char_length(experiment_id) BETWEEN 1 AND 256),
    assignment_id text COLLATE "C" NOT NULL CHECK (char_length(assignment_id) BETWEEN 1 AND 256),
    experiment_key text NOT NULL,
    variant text NOT NULL,
    assigned_at timestamptz NOT NULL,
    expires_at timestamptz,
    context jsonb,
    ended_at timestamptz,
    end_reason text CHECK (end_reason IN ('expired', 'replaced')),
    sequence_number numeric NOT NULL,
    mirrored_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (user_id, experiment_id, assignment_id),
    CHECK ((ended_at IS NULL) = (end_reason IS NULL))
);

CREATE INDEX assignments_by_id ON burgee.assignments (assignment_id);
CREATE INDEX assignments_by_variant ON burgee.assignments (experiment_id, variant);
CREATE INDEX assignments_ended ON burgee.assignments (ended_at) WHERE ended_at IS NOT NULL;

COMMENT ON COLUMN burgee.assignments.ended_at IS 'null while the assignment holds; else when its item expired or was replaced';
COMMENT ON COLUMN burgee.assignments.sequence_number IS 'of the stream record that this row is from: an older record changes nothing';

-- What was deleted, and up to which record: so that no record that comes late brings it back. Names nobody.
CREATE TABLE burgee.assignment_erasures (
    key_digest bytea PRIMARY KEY,
    sequence_number numeric NOT NULL,
    erased_at timestamptz NOT NULL DEFAULT now()
);

CREATE INDEX assignment_erasures_by_age ON burgee.assignment_erasures (erased_at);

-- The length keeps ('ab', 'c') and ('a', 'bc') apart.
CREATE FUNCTION burgee.assignment_key_digest(user_id text, experiment_id text) RETURNS bytea
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
    RETURN sha256(convert_to(char_length(user_id)::text || ':' || user_id || experiment_id, 'UTF8'));

-- Whoever erases waits for those who write and keeps them out, or a row written meanwhile would stay.
CREATE FUNCTION burgee.lock_assignments(erases boolean) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    IF erases THEN
        PERFORM pg_advisory_xact_lock(hashtextextended('burgee.assignments', 0));
    ELSE
        PERFORM pg_advisory_xact_lock_shared(hashtextextended('burgee.assignments', 0));
    END IF;
END
$$;

-- Deletes all that is held of a user, expired assignments too, and gives their number. The items must be deleted first.
CREATE FUNCTION burgee.erase_user(erased_user text) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    erased bigint;
BEGIN
    PERFORM burgee.lock_assignments(true);
    INSERT INTO burgee.assignment_erasures AS held (key_digest, sequence_number)
    SELECT burgee.assignment_key_digest(given.user_id, given.experiment_id), max(given.sequence_number)
    FROM burgee.assignments AS given
    WHERE given.user_id = erased_user
    GROUP BY given.user_id, given.experiment_id
    ON CONFLICT (key_digest) DO UPDATE SET sequence_number = excluded.sequence_number, erased_at = excluded.erased_at
    WHERE held.sequence_number < excluded.sequence_number;
    DELETE FROM burgee.assignments AS held WHERE held.user_id = erased_user;
    GET DIAGNOSTICS erased = ROW_COUNT;
    RETURN erased;
END
$$;

-- Retention: forgets what ended before an instant, and the erasures of before it. Not younger than 30 days: a record may wait
-- 14 days in the queue of dead letters, and would bring back what nobody remembers.
CREATE FUNCTION burgee.prune_assignments(older_than timestamptz) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    pruned bigint;
BEGIN
    IF older_than IS NULL OR older_than > now() - interval '30 days' THEN
        RAISE EXCEPTION 'prune_assignments: at least 30 days must be kept' USING ERRCODE = 'invalid_parameter_value';
    END IF;
    PERFORM burgee.lock_assignments(true);
    DELETE FROM burgee.assignments AS held WHERE held.ended_at < older_than AND held.mirrored_at < older_than;
    GET DIAGNOSTICS pruned = ROW_COUNT;
    DELETE FROM burgee.assignment_erasures AS held WHERE held.erased_at < older_than;
    RETURN pruned;
END
$$;

-- The assignments that hold now. DynamoDB deletes expired items only after some time, so the clock is asked as well.
CREATE VIEW burgee.live_assignments AS
SELECT user_id, experiment_id, assignment_id, experiment_key, variant, assigned_at, expires_at, context
FROM burgee.assignments
WHERE ended_at IS NULL AND (expires_at IS NULL OR expires_at > now());
