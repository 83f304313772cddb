//! Questions about what hosts keep in tables of their own, passed as structs.

use super::asking::{Context, Environment};
use super::{Engine, World};
use crate::decide::{self, Decision, Request, codes};
use crate::facts::{AsEntity, Entity, Id};

impl Engine {
    /// Decides about the first of some rows of the host's own, passed as structs. The others come
    /// along: a file's document, its container. The answer is that of [`check`](Self::check) on a
    /// request that takes each of them [inline](crate::Request::inline).
    ///
    /// Without a row, or where one writes an attribute twice, the answer is `INVALID_REQUEST`;
    /// [`Entity::of`] tells more. Where the first row is not of the type that the environment is
    /// about, the action is asked for its own type.
    ///
    /// Nothing is allocated, once the policies were asked the like before, for rows that come in a
    /// few dozen forms (the same attributes of the same kinds in one order) and name their parts by
    /// UUIDs. Rows with tags, with entities of an enumerated type, or with sets of anything but
    /// entities and texts are checked as an [`Entity`] each time.
    ///
    /// # Example
    ///
    /// ```
    /// use doorward::{
    ///     AsEntity, Changes, Engine, Entity, EntityUid, EntityWriter, Id, PolicyBundle, Record,
    /// };
    ///
    /// struct Book<'b> {
    ///     id: &'b str,
    ///     lent_to: u128,
    /// }
    ///
    /// impl AsEntity for Book<'_> {
    ///     fn type_name(&self) -> &str {
    ///         "Book"
    ///     }
    ///
    ///     fn id(&self) -> Id<'_> {
    ///         self.id.into()
    ///     }
    ///
    ///     fn write(&self, to: &mut EntityWriter<'_>) {
    ///         to.entity("lent_to", "Reader", self.lent_to);
    ///     }
    /// }
    ///
    /// let policies = PolicyBundle::builder()
    ///     .schema("library.cedarschema", "
    ///         entity Reader;
    ///         entity Book = { lent_to: Reader };
    ///         action read appliesTo { principal: Reader, resource: Book };
    ///     ")
    ///     .policies("library.cedar", r#"
    ///         @id("lent") permit (principal, action, resource)
    ///         when { resource.lent_to == principal };
    ///     "#)
    ///     .build()?;
    /// let engine = Engine::builder(policies).host_owned("Book").build()?;
    /// let read = engine.environment("Reader", "read", "Book")?;
    /// let context = engine.context(&read, Record::new())?;
    /// let book = Book { id: "emma", lent_to: 1 };
    /// assert!(engine.check_inline(&read, 1_u128, &[&book], &context).is_allowed());
    /// assert!(!engine.check_inline(&read, 2_u128, &[&book], &context).is_allowed());
    /// # Ok::<(), doorward::Error>(())
    /// ```
    pub fn check_inline<'i>(
        &self,
        environment: &Environment,
        principal: impl Into<Id<'i>>,
        rows: &[&dyn AsEntity],
        context: &Context,
    ) -> Decision {
        self.ask(|world| world.check_inline(environment, principal, rows, context))
    }
}

impl World {
    /// Decides about the first of some rows of the host's own: see [`Engine::check_inline`].
    pub fn check_inline<'i>(
        &self,
        environment: &Environment,
        principal: impl Into<Id<'i>>,
        rows: &[&dyn AsEntity],
        context: &Context,
    ) -> Decision {
        let principal = principal.into();
        let is_resource = |row: &&dyn AsEntity| environment.is_about(row.type_name());
        let drawn = self.shadow().filter(|shadow| shadow.wants_one());
        if drawn.is_none()
            && environment.takes(context, self)
            && rows.first().is_some_and(is_resource)
            && environment.may_ask(self, &principal)
            && let Some(decision) = context.given(self, |given| {
                decide::decide_inline(self, environment.asked(), principal.0, rows, given)
            })
        {
            return decision;
        }
        let Ok(entities) = rows.iter().map(|row| Entity::of(*row)).collect::<Result<Vec<_>, _>>()
        else {
            return self.refuse(codes::INVALID_REQUEST, Some(1));
        };
        let Some(resource) = entities.first().map(|first| first.uid().clone()) else {
            return self.refuse(codes::INVALID_REQUEST, Some(1));
        };
        let (principal, action) = (environment.principal(principal), environment.action().clone());
        let request = Request::new(principal, action, resource).context(context.record());
        let request = entities.into_iter().fold(request, Request::inline);
        match drawn {
            Some(shadow) => shadow.check_twice(self, &request),
            None => decide::decide(self, &request),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::{EntityUid, EntityWriter, Record, Timestamp};
    use crate::policy::PolicyBundle;

    const SCHEMA: &str = r#"
        entity Client;
        entity Team;
        entity Mood enum ["good", "bad"];
        entity Contact = { client: Client };
        entity Folder in [Folder] = { client: Client, open: Bool };
        entity File in [Folder] = {
            client: Client, size: Long, name: String, until?: datetime, of?: Team, mood?: Mood,
            readers: Set<Contact>, labels: Set<String>,
        };
        action read, write appliesTo {
            principal: [Contact], resource: [File, Folder], context: { mfa: Bool },
        };
    "#;

    const POLICIES: &str = r#"
        @id("own") forbid (principal, action, resource)
            unless { principal.client == resource.client };
        @id("reader") permit (principal, action == Action::"read", resource is File)
            when { resource.readers.contains(principal) && resource.name != "secret" };
        @id("label") permit (principal, action, resource is File)
            when { resource.labels.contains("all") && resource.size < 100 };
        @id("folder") permit (principal, action, resource is Folder) when { resource.open };
        @id("in-folder") permit (principal, action, resource is File)
            when { context.mfa && resource in Folder::"shared" };
        @id("mood") permit (principal, action, resource is File)
            when { resource has mood && resource.mood == Mood::"good" };
        @id("until") forbid (principal, action, resource is File)
            when { resource has until && resource.until < datetime("2026-01-01") };
    "#;

    /// What a struct writes, step by step.
    type Write = fn(&mut EntityWriter<'_>);

    struct Given(&'static str, &'static str, Write);

    impl AsEntity for Given {
        fn type_name(&self) -> &str {
            self.0
        }

        fn id(&self) -> Id<'_> {
            self.1.into()
        }

        fn write(&self, to: &mut EntityWriter<'_>) {
            (self.2)(to);
        }
    }

    fn plain(to: &mut EntityWriter<'_>) {
        to.entity("client", "Client", "c1").long("size", 5).text("name", "plan");
        to.entities("readers", "Contact", ["gm", "kim", "gm"]).texts("labels", []);
    }

    fn turned(to: &mut EntityWriter<'_>) {
        to.texts("labels", ["all", "new", "all"]).entities::<&str>("readers", "Contact", []);
        to.text("name", "plan").long("size", 1 << 40).entity("client", "Client", "c1");
    }

    fn whole(to: &mut EntityWriter<'_>) {
        plain(to);
        to.parent("Folder", "shared").entity("of", "Team", "t").entity("mood", "Mood", "good");
        to.datetime("until", Timestamp::from_ms(1_800_000_000_000));
    }

    fn folder(to: &mut EntityWriter<'_>) {
        to.entity("client", "Client", "c1").bool("open", true);
    }

    fn engine(shadow: f64) -> Engine {
        let policies = PolicyBundle::builder().schema("s", SCHEMA).policies("p", POLICIES);
        let engine = Engine::builder(policies.build().unwrap())
            .stored_or_inline("File")
            .stored_or_inline("Folder")
            .shadow(shadow);
        let client = |id: &str| EntityUid::new("Client", id);
        let contact = |id: &str, of: &str| {
            Entity::new(EntityUid::new("Contact", id)).with("client", client(of))
        };
        let stored = Entity::of(&Given("File", "stored", plain)).unwrap();
        let facts = [contact("gm", "c1"), contact("eve", "c2"), stored];
        engine.facts(facts.into_iter().collect()).build().unwrap()
    }

    /// Asks about the first row each way, as different people, again and again.
    fn is_alike(engine: &Engine, of: &str, rows: &[&dyn AsEntity]) -> usize {
        let mut allowed = 0;
        for action in ["read", "write"] {
            for (who, mfa) in [("gm", false), ("gm", true), ("eve", true), ("nobody", true)] {
                let environment = engine.environment("Contact", action, of).unwrap();
                let record: Record = [("mfa".into(), mfa.into())].into();
                let context = engine.context(&environment, record.clone()).unwrap();
                let found = || engine.check_inline(&environment, who, rows, &context);
                let entities: Vec<Entity> =
                    rows.iter().filter_map(|row| Entity::of(*row).ok()).collect();
                let Some(first) = entities.first().filter(|_| entities.len() == rows.len()) else {
                    assert_eq!(found().code(), Some(codes::INVALID_REQUEST));
                    continue;
                };
                let who = EntityUid::new("Contact", who);
                let request = Request::new(who, action, first.uid().clone()).context(record);
                let expected = engine.check(&entities.into_iter().fold(request, Request::inline));
                for _ in 0..4 {
                    assert_eq!(found(), expected);
                }
                allowed += usize::from(expected.is_allowed());
            }
        }
        allowed
    }

    #[test]
    fn structs_are_decided_as_entities_of_a_request() {
        let engine = engine(0.0);
        // Turns let each form follow another.
        for _ in 0..3 {
            assert_eq!(is_alike(&engine, "File", &[&Given("File", "f", plain)]), 2);
            assert_eq!(is_alike(&engine, "File", &[&Given("File", "f", turned)]), 0);
            assert_eq!(is_alike(&engine, "File", &[&Given("File", "g", whole)]), 4);
            assert_eq!(is_alike(&engine, "Folder", &[&Given("Folder", "f", folder)]), 4);
        }
    }

    #[test]
    fn what_comes_along_is_seen() {
        let engine = engine(0.0);
        let file = Given("File", "f", |to| {
            plain(to);
            to.parent("Folder", "inner");
        });
        let inner = Given("Folder", "inner", |to| {
            folder(to);
            to.parent("Folder", "shared");
        });
        assert_eq!(is_alike(&engine, "File", &[&file]), 2);
        assert_eq!(is_alike(&engine, "File", &[&file, &inner]), 3);
        assert_eq!(is_alike(&engine, "Folder", &[&inner, &file]), 4);
        // In a circle, twice, and stored too.
        let circle = Given("Folder", "inner", |to| {
            folder(to);
            to.parent("Folder", "inner");
        });
        assert_eq!(is_alike(&engine, "File", &[&file, &circle]), 0);
        assert_eq!(is_alike(&engine, "File", &[&file, &inner, &inner]), 0);
        assert_eq!(is_alike(&engine, "File", &[&Given("File", "stored", plain)]), 0);
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        let engine = engine(0.0);
        let misfits: [(&str, Write); 12] = [
            ("an attribute is missing", |to| {
                to.entity("client", "Client", "c1");
            }),
            ("another type of number", |to| {
                turned(to);
                to.text("until", "today");
            }),
            ("a name twice", |to| {
                plain(to);
                to.long("size", 1);
            }),
            ("an entity of another type", |to| {
                plain(to);
                to.entity("of", "Client", "c1");
            }),
            ("a type that nobody declares", |to| {
                plain(to);
                to.entity("of", "Stranger", "c1");
            }),
            ("an undeclared attribute", |to| {
                plain(to);
                to.bool("open", true);
            }),
            ("an undeclared parent", |to| {
                plain(to);
                to.parent("Team", "t");
            }),
            ("no such mood", |to| {
                plain(to);
                to.entity("mood", "Mood", "so-so");
            }),
            ("too late", |to| {
                plain(to);
                to.datetime("until", Timestamp::from_ms(i64::MAX));
            }),
            ("tags", |to| {
                plain(to);
                to.tags(&[("t".into(), 1.into())].into());
            }),
            ("a set of other entities", |to| {
                to.entities("readers", "Client", ["c1"]).texts("labels", []);
                to.entity("client", "Client", "c1").long("size", 5).text("name", "plan");
            }),
            ("a set of entities for texts", |to| {
                to.entities("labels", "Client", ["c1"]).texts("readers", []);
                to.entity("client", "Client", "c1").long("size", 5).text("name", "plan");
            }),
        ];
        for (what, write) in misfits {
            for _ in 0..2 {
                assert_eq!(is_alike(&engine, "File", &[&Given("File", "f", write)]), 0, "{what}");
            }
        }
        // No row at all, and one that the environment is not about.
        assert_eq!(is_alike(&engine, "File", &[]), 0);
        let read = engine.environment("Contact", "read", "File").unwrap();
        let context = engine.context(&read, [("mfa".into(), true.into())].into()).unwrap();
        let client = Given("Client", "c1", |_| {});
        let found = engine.check_inline(&read, "gm", &[&client], &context);
        assert!(!found.is_allowed(), "{found}");
    }

    #[test]
    fn forms_that_types_share_are_read_as_each_of_them() {
        let schema = "
            entity Reader;
            entity Book = { title: String, open: Bool };
            entity Shelf = { title: String, open: Bool };
            action read appliesTo { principal: Reader, resource: [Book, Shelf] };
        ";
        let policies = r#"
            @id("shelf") permit (principal, action, resource is Shelf)
                when { resource.title == "a" };
            @id("book") permit (principal, action, resource is Book) when { resource.open };
        "#;
        let policies = PolicyBundle::builder().schema("s", schema).policies("p", policies);
        let engine = Engine::builder(policies.build().unwrap()).all_inline().build().unwrap();
        let write: Write = |to| {
            to.text("title", "a").bool("open", false);
        };
        let ask = |of: &'static str| {
            let environment = engine.environment("Reader", "read", of).unwrap();
            let context = engine.context(&environment, Record::new()).unwrap();
            engine.check_inline(&environment, "r", &[&Given(of, "1", write)], &context)
        };
        for _ in 0..4 {
            assert!(ask("Shelf").is_allowed());
            assert!(!ask("Book").is_allowed());
        }
    }

    #[test]
    fn an_enumeration_has_the_ids_that_it_lists() {
        let schema = r#"
            entity Mood enum ["good"];
            entity Doc;
            action see appliesTo { principal: [Mood, Doc], resource: [Mood, Doc] };
        "#;
        let policies = r#"@id("all") permit (principal, action, resource);"#;
        let policies = PolicyBundle::builder().schema("s", schema).policies("p", policies);
        let builder = Engine::builder(policies.build().unwrap());
        let engine = builder.stored_or_inline("Doc").build().unwrap();
        let ids = [("Mood", "good", true), ("Mood", "bad", false), ("Doc", "d", true)];
        for (of, who, may_ask) in ids {
            for (about, what, may_be_asked) in ids {
                let request =
                    Request::new(EntityUid::new(of, who), "see", EntityUid::new(about, what));
                let expected = engine.check(&request);
                assert_eq!(expected.is_allowed(), may_ask && may_be_asked);
                let see = engine.environment(of, "see", about).unwrap();
                let context = engine.context(&see, Record::new()).unwrap();
                assert_eq!(engine.check_in(&see, who, what, &context), expected);
                let checker = engine.checker(&see, who, &context);
                assert_eq!(checker.is_ok(), may_ask);
                if let Ok(checker) = checker {
                    assert_eq!(checker.check(&see, what), expected);
                    assert!(may_be_asked || checker.resolve(&see, what).is_none());
                }
                if about == "Doc" {
                    let doc = Given("Doc", "d", |_| {});
                    assert_eq!(engine.check_inline(&see, who, &[&doc], &context), expected);
                }
            }
        }
    }

    /// Facts that were one go on apart, and number the types that come to each differently.
    #[test]
    fn engines_over_facts_that_were_one_are_asked_in_turn() {
        let schema = "
            entity Client;
            entity Zoo;
            entity Reader = { client: Client };
            entity File = { client: Client };
            action read appliesTo { principal: Reader, resource: File };
        ";
        let policies = r#"
            @id("all") permit (principal, action, resource);
            @id("own") forbid (principal, action, resource)
                when { resource.client == principal.client };
        "#;
        let policies = PolicyBundle::builder().schema("s", schema).policies("p", policies);
        let policies = policies.build().unwrap();
        let first = Engine::builder(policies.clone()).build().unwrap();
        let base = first.world().facts().clone();
        let [client, zoo] = ["Client", "Zoo"].map(|name| Entity::new(EntityUid::new(name, "x")));
        let reader =
            Entity::new(EntityUid::new("Reader", "r")).with("client", client.uid().clone());
        let engine = |rows: [&Entity; 3]| {
            let builder = Engine::builder(policies.clone()).facts(base.clone()).host_owned("File");
            let engine = builder.build().unwrap();
            for row in rows {
                engine.apply(&crate::facts::Changes::new().put(row.clone())).unwrap();
            }
            engine
        };
        let engines = [engine([&client, &zoo, &reader]), engine([&zoo, &client, &reader])];
        let file = Given("File", "f", |to| {
            to.entity("client", "Client", "x");
        });
        for engine in engines.iter().chain(engines.iter().rev()) {
            let read = engine.environment("Reader", "read", "File").unwrap();
            let context = engine.context(&read, Record::new()).unwrap();
            assert!(!engine.check_inline(&read, "r", &[&file], &context).is_allowed());
        }
    }

    #[test]
    fn a_context_is_of_the_policies_that_its_environment_is_of() {
        let engine = |context: &str| {
            let schema = format!(
                "entity U; action see appliesTo {{ principal: U, resource: U, context: {context} }};"
            );
            let policies = PolicyBundle::builder()
                .schema("s", schema)
                .policies("p", r#"@id("all") permit (principal, action, resource);"#);
            Engine::builder(policies.build().unwrap()).build().unwrap()
        };
        let (bare, strict) = (engine("{}"), engine("{ level: Long }"));
        let see = strict.environment("U", "see", "U").unwrap();
        let refused = bare.context(&see, Record::new()).unwrap_err();
        assert!(refused.to_string().contains("other policies"), "{refused}");
        assert!(strict.context(&see, Record::new()).is_err());
    }

    #[test]
    fn shadows_see_what_structs_are_decided_as() {
        let engine = engine(1.0);
        is_alike(&engine, "File", &[&Given("File", "f", plain)]);
        let report = engine.shadow_report();
        // Eight questions, each once as a request and four times as a struct.
        assert_eq!((report.compared, report.diverged), (40, 0));
    }
}
